#include "pipelines/model/model_folder.h"

#include <fmt/format.h>
#include <spdlog/logger.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/log.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/io/json.h"
#include "pipelines/model/checkpoint_files.h"

namespace chitu::pipelines {
namespace {

constexpr const char* kTokenizer = "tokenizer";
const std::string kExpected = ", expected a checkpoint in the diffusers layout";

/// A component is written as ["library", "Class"], or as [null, null] if it was saved without one.
ComponentClass class_of(const io::JsonObject& index, const std::string& key) {
  const auto& value = index.json().at(key);
  if (value.size() == 2 && value[0].is_null()) return {};
  if (value.size() != 2 || !value[0].is_string() || !value[1].is_string())
    index.fail(key, "expected [library, class], got " + value.dump());
  return {value[0].get<std::string>(), value[1].get<std::string>()};
}

/// For a folder of the hub's cache above its snapshots: the path of a checkpoint in it.
std::string snapshot_hint(const std::filesystem::path& path) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path / "snapshots", error))
    if (name_exists(entry.path() / kModelIndex))
      return ", did you mean " + entry.path().string() + "?";
  return kExpected + download_advice(path, missing_files(path));
}

void check_file(const ModelFolder& folder, const std::string& component,
                const std::filesystem::path& file) {
  const std::string given = fmt::format("model.files.{}={}: ", component, file.string());
  if (component != kTokenizer && !folder.has(component)) {
    std::vector<std::string> known;
    for (const auto& [name, named] : folder.components)
      if (!named.name.empty()) known.push_back(name);
    throw InputError(fmt::format("{}{} has no such component, {}", given, folder.path.string(),
                                 expected_one_of(component, known)));
  }
  if (!name_exists(file)) throw InputError(given + "there is no such file");
}

}  // namespace

ModelFolder ModelFolder::open(const std::filesystem::path& path, const ModelFiles& files) {
  const std::string given = "model.ckpt_dir=" + path.string() + ": ";
  if (const auto problem = folder_problem(path))
    throw InputError(given + *problem + kExpected + download_advice(path, missing_files(path)));
  if (!may_be_read(path)) throw InputError(given + std::strerror(EACCES));
  const auto file = path / kModelIndex;
  if (!name_exists(file)) throw InputError(given + "has no model_index.json" + snapshot_hint(path));
  const auto index = io::JsonObject::read(file);
  ModelFolder folder{path, index.required<std::string>("_class_name"), {}};
  // Plain values are settings of the pipeline; the family interprets them.
  for (const std::string& key : index.keys())
    if (key.front() != '_' && index.json().at(key).is_array())
      folder.components[key] = class_of(index, key);
  for (const auto& [component, given_file] : files) check_file(folder, component, given_file);
  folder.files = files;
  return folder;
}

bool ModelFolder::has(const std::string& name) const {
  const auto found = components.find(name);
  return found != components.end() && !found->second.name.empty();
}

std::filesystem::path ModelFolder::component(const std::string& name, const std::string& library,
                                             const std::vector<std::string>& classes) const {
  const std::string expected = (classes.size() > 1 ? "one of " : "") + join(classes);
  const auto fail = [&](const std::string& problem) {
    throw InputError((path / kModelIndex).string() + ": " + problem);
  };
  const auto found = components.find(name);
  if (found == components.end()) fail(fmt::format("has no {}, expected {}", name, expected));
  const ComponentClass& named = found->second;
  if (named.name.empty()) fail(fmt::format("{}: null, expected {}", name, expected));
  if (std::ranges::find(classes, named.name) == classes.end())
    fail(fmt::format("{}: expected {}, got {}", name, expected, named.name));
  if (named.library != library)
    fail(fmt::format("{}: expected {} from {}, got the one from {}", name, named.name, library,
                     named.library));
  const auto folder = path / name;
  if (const auto problem = folder_problem(folder))
    throw InputError(folder.string() + ": " + *problem + " (model_index.json names it)");
  return folder;
}

io::JsonObject ModelFolder::config(const std::string& name, const std::string& file) const {
  const auto found = components.find(name);
  if (found == components.end())
    throw InputError(fmt::format("{}: has no {}", (path / kModelIndex).string(), name));
  const auto json = io::JsonObject::read(path / name / file);
  const std::string& named = found->second.name;
  const auto said = json.value_or<std::string>("_class_name", named);
  if (said != named)
    logger("pipelines")
        ->info("{}: _class_name is {}; {} from model_index.json is used instead", json.name(), said,
               named);
  nlohmann::json kept = json.json();
  for (const auto& key : json.value_or<std::vector<std::string>>("_use_default_values", {}))
    kept.erase(key);
  return {json.name(), kept};
}

namespace {

/// What generation_config.json says, else the given ones.
RequestDefaults read_defaults(const std::filesystem::path& file, RequestDefaults defaults) {
  if (!name_exists(file)) return defaults;
  const auto json = io::JsonObject::read(file);
  const std::vector<std::string> known{
      "width",          "height",           "num_frames", "num_inference_steps",
      "guidance_scale", "guidance_scale_2", "fps"};
  for (const std::string& key : json.unknown_keys(known))
    json.fail(key, "unknown key" + did_you_mean(key, known));
  defaults.width = json.value_or("width", defaults.width);
  defaults.height = json.value_or("height", defaults.height);
  defaults.num_frames = json.value_or("num_frames", defaults.num_frames);
  defaults.num_inference_steps = json.value_or("num_inference_steps", defaults.num_inference_steps);
  defaults.guidance_scale = json.value_or("guidance_scale", defaults.guidance_scale);
  defaults.guidance_scale_2 = json.value_or("guidance_scale_2", defaults.guidance_scale_2);
  defaults.fps = json.value_or("fps", defaults.fps);
  return defaults;
}

}  // namespace

RequestDefaults ModelFolder::request_defaults(RequestDefaults defaults) const {
  defaults = read_defaults(path / "generation_config.json", defaults);
  const ModelDefaults& first = model_defaults;
  defaults.num_inference_steps = first.num_inference_steps.value_or(defaults.num_inference_steps);
  defaults.guidance_scale = first.guidance_scale.value_or(defaults.guidance_scale);
  if (first.guidance_scale_2) defaults.guidance_scale_2 = first.guidance_scale_2;
  if (first.flow_shift) defaults.flow_shift = first.flow_shift;
  return defaults;
}

}  // namespace chitu::pipelines
