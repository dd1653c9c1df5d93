#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/device/sim_options.h"
#include "chitu_core/memory/memory_config.h"
#include "chitu_core/parallel/options.h"
#include "pipelines/machine/device_profile.h"
#include "pipelines/model/lora_choice.h"
#include "pipelines/model/request.h"
#include "pipelines/model/stage_insertion.h"

namespace chitu::pipelines {

/// All settings of an Engine.
struct EngineOptions {
  std::filesystem::path ckpt_dir{};  ///< a checkpoint in the diffusers layout
  std::string device = "auto";       ///< auto, cpu, sim, or an accelerator as libtorch names it
  device::SimOptions sim{};        ///< limits of device "sim"; other devices use only the capacity
  std::string dtype = "auto";      ///< auto, float32, bfloat16, float16
  std::string vae_dtype = "auto";  ///< auto = float32, as the reference decodes
  std::string attn_type = "auto";  ///< an attention backend
  /// The split of the transformer's attention between ranks: a parallel::AttentionScheme.
  std::string context_parallel = "none";
  parallel::ParallelOptions parallel{};  ///< the ranks that share a generation
  memory::MemoryConfig memory{};
  std::optional<DeviceProfile> profile{};  ///< of the device; level auto uses its rates
  std::filesystem::path prompt_cache{};    ///< folder that keeps prompt embeddings; empty = none
  std::string scheduler{};                 ///< a scheduler class; empty = the checkpoint's
  std::vector<StageInsertion> stages{};    ///< that the program adds to the pipeline
  std::vector<LoraChoice> loras{};         ///< that change the transformers' weights
  LoraMode lora_mode = LoraMode::automatic;
  ModelFiles files{};        ///< instead of those in ckpt_dir
  ModelDefaults defaults{};  ///< of requests, before those of the checkpoint
  bool operator==(const EngineOptions&) const = default;
};

}  // namespace chitu::pipelines
