#include "tools/chitu/batch/deciding_settings.h"

#include <fmt/format.h>

#include <filesystem>

#include "chitu_core/config/yaml/yaml_writer.h"
#include "chitu_core/io/checkpoint.h"
#include "chitu_core/io/content_hash.h"
#include "chitu_core/io/safetensors.h"

namespace chitu::tools {
namespace {

using config::Node;
using Settings = std::map<std::string, std::string>;

constexpr const char* kCheckpoint = "model.ckpt_dir";
constexpr const char* kKeys[] = {
    "model.scheduler",          "model.stages",     "model.loras",         "model.lora_mode",
    "model.request_defaults",   "model.files",      "infer.dtype",         "infer.vae_dtype",
    "infer.attn_type",          "infer.vae_tiling", "infer.vae_tile_size", "infer.activation_chunk",
    "infer.text_encoder_device"};
constexpr const char* kStates[] = {"offload", "onload", "preparing", "computation"};

void add(Settings& settings, const Node& config, const std::string& key) {
  if (const Node* value = config.find(key)) settings[key] = config::to_inline_yaml(*value);
}

/// The dtypes that weights pass through; float8 rounds them.
void add_dtypes(Settings& settings, const Node& config) {
  const Node* memory = config.find("memory");
  if (!memory || !memory->is_map()) return;
  for (const std::string& role : config::keys_of(*memory, "memory"))
    for (const char* state : kStates) add(settings, config, role + "." + state + ".dtype");
}

/// A LoRA's file may be replaced under its name.
void add_lora_contents(Settings& settings, const Node& config) {
  const Node* loras = config.find("model.loras");
  if (!loras || !loras->is_list()) return;
  for (std::size_t i = 0; i < loras->list().size(); ++i)
    if (const Node* path = loras->list()[i].find("path"); path && path->is_string())
      settings[fmt::format("content of model.loras[{}]", i)] =
          io::sampled_sum(io::SafetensorsFile(path->as_string()));
}

/// So may a file that stands for those of the checkpoint.
void add_file_contents(Settings& settings, const Node& config) {
  const Node* files = config.find("model.files");
  if (!files || !files->is_map()) return;
  for (const std::string& component : config::keys_of(*files, "model.files")) {
    const Node* path = files->find(component);
    if (!path || !path->is_string() || component == "tokenizer") continue;
    const auto weights = io::Checkpoint::open(path->as_string());
    for (std::size_t i = 0; i < weights.files().size(); ++i)
      settings[fmt::format("content of model.files.{} {}", component, i)] =
          io::sampled_sum(weights.files()[i]);
  }
}

}  // namespace

Settings deciding_settings(const Node& config, const std::string& device) {
  Settings settings{{"device.name", device}};
  for (const char* key : kKeys) add(settings, config, key);
  add_dtypes(settings, config);
  add_lora_contents(settings, config);
  add_file_contents(settings, config);
  if (const Node* folder = config.find(kCheckpoint); folder && folder->is_string())
    settings[kCheckpoint] =
        std::filesystem::weakly_canonical(std::filesystem::absolute(folder->as_string())).string();
  return settings;
}

}  // namespace chitu::tools
