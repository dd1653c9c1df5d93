#pragma once

#include <filesystem>
#include <string>

namespace chitu::pipelines {

/// A LoRA that the user adds to a checkpoint: an entry of `model.loras`.
struct LoraChoice {
  std::filesystem::path path{};  ///< a safetensors file
  double scale = 1;
  std::string component{};  ///< "transformer_2"; empty = those that the file's layers belong to
  bool strict = true;       ///< every tensor of the file must have its place
  bool operator==(const LoraChoice&) const = default;
};

}  // namespace chitu::pipelines
