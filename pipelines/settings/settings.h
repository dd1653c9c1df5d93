#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/config/bind/binder.h"
#include "pipelines/model/engine_options.h"
#include "pipelines/model/request.h"
#include "pipelines/output/output_name.h"
#include "pipelines/settings/batch_settings.h"
#include "pipelines/settings/link_settings.h"
#include "pipelines/settings/parallel_settings.h"
#include "pipelines/settings/profile_settings.h"

namespace chitu::pipelines {

constexpr auto config_names(OutputFormat) {
  return std::array{std::pair{"mp4", OutputFormat::mp4}, std::pair{"gif", OutputFormat::gif},
                    std::pair{"png", OutputFormat::png}, std::pair{"frames", OutputFormat::frames}};
}

constexpr auto config_names(LoraMode) {
  return std::array{std::pair{"auto", LoraMode::automatic}, std::pair{"merge", LoraMode::merge},
                    std::pair{"add", LoraMode::add}};
}

/// An entry of `model.stages`.
struct StageSettings {
  std::string name;
  std::optional<std::string> after, before;
  void bind(config::Binder& binder);
};

/// An entry of `model.loras`.
struct LoraSettings {
  std::string path;
  double scale = 1;
  std::optional<std::string> component;
  bool strict = true;
  std::optional<std::string> contents;
  void bind(config::Binder& binder);
};

/// `model.files`.
struct FileSettings {
  std::optional<std::string> transformer, transformer_2, text_encoder, image_encoder, vae,
      tokenizer;
  void bind(config::Binder& binder);

  ModelFiles files() const;
};

/// `model.request_defaults`.
struct DefaultsSettings : ModelDefaults {
  void bind(config::Binder& binder);
};

/// The group `model`.
struct ModelSettings {
  std::string ckpt_dir;
  std::optional<std::string> scheduler;
  std::vector<StageSettings> stages;
  std::vector<LoraSettings> loras;
  LoraMode lora_mode = LoraMode::automatic;
  FileSettings files;
  DefaultsSettings defaults;
  void bind(config::Binder& binder);
};

/// The group `infer`.
struct InferSettings {
  std::string dtype = "auto";
  std::string vae_dtype = "auto";
  std::string attn_type = "auto";
  std::optional<int> threads;
  memory::MemoryConfig memory;
  ParallelSettings parallel;  ///< in infer.diffusion
  std::optional<std::string> prompt_cache;
  void bind(config::Binder& binder);
};

/// The group `request`.
struct RequestSettings : PartialRequest {
  void bind(config::Binder& binder);
};

/// The group `output`.
struct OutputSettings {
  config::OneOrMore<OutputFormat> format{{OutputFormat::mp4}};
  std::optional<std::string> name;
  bool contact_sheet = false;
  void bind(config::Binder& binder);

  /// Where the media of one request go. Checks of their names that need a folder are left out.
  ///
  /// throws  InputError naming output.name
  Output output_in(const std::filesystem::path& folder, const NameValues& values) const;
};

/// The group `debug`.
struct DebugSettings {
  std::optional<std::string> dump_tensors;
  bool profile = false;
  void bind(config::Binder& binder);
};

/// The group `device`.
struct DeviceSettings {
  std::string name = "auto";
  std::optional<int> index;
  std::optional<config::Bytes> capacity;
  std::optional<config::BytesPerSecond> h2d_bandwidth, d2h_bandwidth;
  std::optional<ProfileSettings> profile;
  std::optional<InterconnectSettings> interconnect;
  std::optional<NetworkSettings> network;
  void bind(config::Binder& binder);

  /// Of the device, with the links between ranks.
  ///
  /// throws  InputError for links without rates of the device
  std::optional<DeviceProfile> device_profile() const;
};

/// Everything that `chitu run` reads from the composed configuration.
struct Settings {
  ModelSettings model;
  InferSettings infer;
  memory::RoleStates memory;
  RequestSettings request;
  OutputSettings output;
  BatchSettings batch;
  DebugSettings debug;
  DeviceSettings device;
  void bind(config::Binder& binder);

  EngineOptions engine_options() const;
};

/// Sets an empty prompt where the configuration has none, for work that needs none. Returns whether
/// it was missing.
bool fill_in_prompt(config::Node& config);

}  // namespace chitu::pipelines
