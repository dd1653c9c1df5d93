#include "pipelines/model_folder.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/output_path.h"
#include "chitu_core/io/json.h"

namespace chitu::pipelines {
namespace {

/// A component is written ["library", "Class"]; null parts are allowed by diffusers.
std::string class_of(const io::JsonObject& index, const std::string& key) {
  const auto& value = index.json().at(key);
  if (!value.is_array() || value.size() != 2) index.fail(key, "expected [library, class]");
  return value[1].is_string() ? value[1].get<std::string>() : "";
}

}  // namespace

ModelFolder ModelFolder::open(const std::filesystem::path& path) {
  if (const auto problem = folder_problem(path))
    throw InputError("model.ckpt_dir=" + path.string() + ": " + *problem +
                     ", expected a checkpoint in the diffusers layout");
  const auto file = path / "model_index.json";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    throw InputError("model.ckpt_dir=" + path.string() +
                     ": has no model_index.json, expected a checkpoint in the diffusers layout");
  const auto index = io::JsonObject::read(file);
  ModelFolder folder{path, index.required<std::string>("_class_name"), {}};
  for (const std::string& key : index.keys()) {
    if (key.front() == '_') continue;
    const auto& value = index.json().at(key);
    // Plain values are settings of the pipeline; the family decides what it makes of them.
    folder.components[key] = value.is_array() ? class_of(index, key) : "";
  }
  return folder;
}

std::filesystem::path ModelFolder::component(const std::string& name,
                                             const std::string& expected_class) const {
  const std::string file = (path / "model_index.json").string();
  const auto found = components.find(name);
  if (found == components.end())
    throw InputError(fmt::format("{}: has no {}, expected a {}", file, name, expected_class));
  if (!expected_class.empty() && found->second != expected_class)
    throw InputError(
        fmt::format("{}: {}: expected {}, got {}", file, name, expected_class, found->second));
  const auto folder = path / name;
  if (!std::filesystem::is_directory(folder))
    throw InputError(folder.string() + ": no such folder, but model_index.json names it");
  return folder;
}

RequestDefaults ModelFolder::request_defaults(RequestDefaults defaults) const {
  const auto file = path / "generation_config.json";
  if (!std::filesystem::exists(file)) return defaults;
  const auto json = io::JsonObject::read(file);
  const std::vector<std::string> known{
      "width", "height", "num_frames", "num_inference_steps", "guidance_scale", "fps"};
  for (const std::string& key : json.unknown_keys(known))
    json.fail(key, "unknown key" + did_you_mean(key, known));
  defaults.width = json.value_or("width", defaults.width);
  defaults.height = json.value_or("height", defaults.height);
  defaults.num_frames = json.value_or("num_frames", defaults.num_frames);
  defaults.num_inference_steps = json.value_or("num_inference_steps", defaults.num_inference_steps);
  defaults.guidance_scale = json.value_or("guidance_scale", defaults.guidance_scale);
  defaults.fps = json.value_or("fps", defaults.fps);
  return defaults;
}

}  // namespace chitu::pipelines
