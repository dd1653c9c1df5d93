#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace chitu::pipelines {

/// How LoRAs change the weights.
enum class LoraMode {
  /// As `add`, which rounds nothing away at rest, whatever form the weights have there. It does not
  /// depend on the memory level, so neither do results.
  automatic,
  merge,  ///< into the weights while they are read: no further work in a step, and one rounding
  add,    ///< to the product of the layer: y + (x A^T) B^T
};

/// A LoRA that the user adds to a checkpoint: an entry of `model.loras`.
struct LoraChoice {
  std::filesystem::path path{};  ///< a safetensors file
  double scale = 1;
  std::string component{};  ///< "transformer_2"; empty = those that the file's layers belong to
  bool strict = true;       ///< every tensor of the file must have its place
  /// io::sampled_sum() that the file must have; empty = any. Set in a request that is complete.
  std::optional<std::string> contents{};
  bool operator==(const LoraChoice&) const = default;
};

/// The LoRAs of a model, and how they change it.
struct LoraChoices {
  std::vector<LoraChoice> list{};
  LoraMode mode = LoraMode::automatic;
  std::string key = "model.loras";  ///< that the user wrote them under, for messages
  bool operator==(const LoraChoices&) const = default;
};

}  // namespace chitu::pipelines
