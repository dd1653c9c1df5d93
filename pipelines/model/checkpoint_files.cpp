#include "pipelines/model/checkpoint_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/common/shell_text.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/weight_files.h"
#include "pipelines/model/published_checkpoint.h"

namespace chitu::pipelines {
bool may_be_read(const std::filesystem::path& folder) {
  return ::access(folder.c_str(), R_OK | X_OK) == 0;
}

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostListed = 12;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// The files of a folder, without links that have no target; none when there is no folder.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored))
    if (is_there(entry->path())) names.push_back(entry->path().filename().string());
  return names;
}

/// The shards that an index lists; none when it cannot be read, which another error says.
std::set<std::string> shards_in(const fs::path& index) {
  std::set<std::string> shards;
  try {
    const io::JsonObject weight_map = io::JsonObject::read(index).object("weight_map");
    for (const std::string& tensor : weight_map.keys())
      shards.insert(weight_map.required<std::string>(tensor));
  } catch (const InputError&) {
  }
  return shards;
}

std::vector<std::string> missing_weights(const fs::path& folder, const std::string& stem) {
  std::vector<std::string> missing;
  bool has_index = false, has_weights = false, has_shards = false;
  for (const std::string& name : names_in(folder)) {
    const bool is_index =
        name.find(".safetensors.") != std::string::npos && name.ends_with(".json");
    has_index = has_index || is_index;
    has_weights = has_weights || name.ends_with(".safetensors");
    has_shards = has_shards || name.find("-of-") != std::string::npos;
    if (!is_index) continue;
    for (const std::string& shard : shards_in(folder / name))
      if (!is_there(folder / shard)) missing.push_back(shard);
  }
  if (!has_index && !has_weights) missing.push_back(stem + "*.safetensors");
  if (!has_index && has_shards) missing.push_back(stem + ".safetensors.index.json");
  return missing;
}

/// Whether a class prepares pictures for an encoder; it has no weights.
bool is_processor(const ComponentClass& named) {
  return named.name.ends_with("ImageProcessor") || named.name.ends_with("FeatureExtractor");
}

/// The files of one component that its folder lacks.
///
/// component  its key, which tells what kind it is even where the class is misspelt
std::vector<std::string> missing_of(const std::string& component, const fs::path& folder,
                                    const ComponentClass& named, CheckpointUse use) {
  const auto lacks = [&](const char* file) { return !is_there(folder / file); };
  if (component == "scheduler" || named.name.find("Scheduler") != std::string::npos) {
    if (lacks("scheduler_config.json")) return {"scheduler_config.json"};
    return {};
  }
  if (component.ends_with("_processor") || is_processor(named)) {
    if (lacks("preprocessor_config.json")) return {"preprocessor_config.json"};
    return {};
  }
  if (component.starts_with("tokenizer") || named.name.find("Token") != std::string::npos) {
    const bool needed = use == CheckpointUse::run;
    const bool lacks_pair = lacks("vocab.json") || lacks("merges.txt");
    if (needed && lacks("tokenizer.json") && lacks("spiece.model") && lacks_pair)
      return {"tokenizer.json"};
    return {};
  }
  std::vector<std::string> missing;
  if (lacks("config.json")) missing.emplace_back("config.json");
  if (use == CheckpointUse::plan) return missing;
  const bool is_diffusers = named.library == "diffusers";
  for (auto& name : missing_weights(folder, is_diffusers ? "diffusion_pytorch_model" : "model"))
    missing.push_back(std::move(name));
  return missing;
}

std::vector<std::string> missing_components(const fs::path& path,
                                            const std::map<std::string, ComponentClass>& components,
                                            CheckpointUse use) {
  std::vector<std::string> missing;
  for (const auto& [component, named] : components)
    if (!named.name.empty() && (may_be_read(path / component) || !name_exists(path / component)))
      for (const std::string& file : missing_of(component, path / component, named, use))
        missing.push_back(component + "/" + file);
  return missing;
}

/// Whether the transformer in a folder has the class, if its config names one, and the heads of a
/// published one.
bool has_transformer_of(const fs::path& path, const PublishedCheckpoint& known) {
  try {
    const auto config = io::JsonObject::read(path / "transformer/config.json");
    const std::string& expected = known.components.at("transformer").name;
    return config.value_or("_class_name", expected) == expected &&
           config.value_or<std::int64_t>("num_attention_heads", 0) == known.num_attention_heads;
  } catch (const InputError&) {
    return false;
  }
}

std::vector<PublishedCheckpoint> published_checkpoints() {
  std::vector<PublishedCheckpoint> all;
  for (const auto& [name, family] : Registry<PublishedCheckpoints>::instance().entries())
    for (PublishedCheckpoint& known : family->list()) all.push_back(std::move(known));
  return all;
}

/// The one whose size is in the name of a folder, the longest of several; the smallest checkpoint
/// where none is.
PublishedCheckpoint named_as(const fs::path& folder, const std::vector<PublishedCheckpoint>& all) {
  const PublishedCheckpoint* found = nullptr;
  for (const PublishedCheckpoint& known : all)
    if (config::lower(folder.filename().string()).find(known.size) != std::string::npos &&
        (!found || known.size.size() > found->size.size()))
      found = &known;
  return found ? *found : all.at(0);  // of Wan, which is always part of the library
}

/// The class that model_index.json names; empty when it cannot be read.
std::string class_in(const fs::path& path) {
  try {
    return io::JsonObject::read(path / kModelIndex).value_or<std::string>("_class_name", "");
  } catch (const InputError&) {
    return "";
  }
}

/// What a folder is a copy of, by its config, else by its name; the smallest where neither tells.
PublishedCheckpoint published_as(const fs::path& path) {
  const auto all = published_checkpoints();
  const bool has_two = is_there(path / "transformer_2");
  const std::string class_name = class_in(path);
  for (const PublishedCheckpoint& known : all)
    if (has_transformer_of(path, known) && has_two == known.components.contains("transformer_2") &&
        (class_name.empty() || class_name == known.class_name))
      return known;
  return named_as(path.has_filename() ? path : path.parent_path(), all);
}

/// Whether a folder has components, and no weights of any.
bool is_architecture(const fs::path& path) {
  if (!is_there(path / kModelIndex)) return false;
  const auto names = names_in(path);
  return std::none_of(names.begin(), names.end(),
                      [&](const std::string& name) { return io::holds_weights(path / name); });
}

std::string target_of(const fs::path& path, const PublishedCheckpoint& known) {
  std::error_code ignored;
  const bool is_other = is_there(path) && !fs::is_directory(path, ignored);
  if (path.empty() || is_other || is_architecture(path))
    return fs::path(known.repository).filename().string();
  return path.string();
}

}  // namespace

std::vector<std::string> missing_files(const ModelFolder& folder, CheckpointUse use) {
  auto needed = folder.components;
  std::vector<std::string> missing;
  for (const auto& [name, file] : folder.files) {  // of these, only the config is in the folder
    if (name != "tokenizer")
      for (auto& config :
           missing_components(folder.path, {{name, needed[name]}}, CheckpointUse::plan))
        missing.push_back(std::move(config));
    needed.erase(name);
  }
  for (auto& file : missing_components(folder.path, needed, use))
    missing.push_back(std::move(file));
  return missing;
}

std::vector<std::string> missing_files(const fs::path& folder) {
  std::vector<std::string> missing;
  if (!is_there(folder / kModelIndex)) missing.emplace_back(kModelIndex);
  const auto components = published_as(folder).components;
  for (auto& file : missing_components(folder, components, CheckpointUse::run))
    missing.push_back(std::move(file));
  return missing;
}

void refuse_without_weights(const ModelFolder& folder) {
  if (!folder.files.empty()) return;
  for (const auto& [name, component] : folder.components)
    if (io::holds_weights(folder.path / name)) return;
  throw InputError(fmt::format(
      "model.ckpt_dir={}: has no weights, enough for `chitu plan` only; to run the model, set "
      "model.ckpt_dir to a downloaded checkpoint, or model.files to files of its weights",
      folder.path.string()));
}

std::string download_advice(const fs::path& path, const std::vector<std::string>& missing) {
  if (missing.empty()) return "";
  std::vector<std::string> listed = missing;
  listed.resize(std::min(missing.size(), kMostListed));
  const PublishedCheckpoint known = published_as(path);
  const std::string more = missing.size() > listed.size()
                               ? fmt::format(" and {} more", missing.size() - listed.size())
                               : "";
  return fmt::format(
      "; missing: {}{}; to download the checkpoint: {}", join(listed), more,
      shell_line({"hf", "download", known.repository, "--local-dir", target_of(path, known)}));
}

}  // namespace chitu::pipelines
