#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "chitu_core/io/safetensors.h"

namespace chitu::io {

/// How a LoRA file changes one layer. Names of tensors are those of the file; an empty one: it has
/// no such tensor.
struct LoraLayer {
  std::string layer;      ///< as the file spells it, without its prefix
  std::string component;  ///< that the prefix names, such as "transformer_2"; empty = none
  std::string down, up;   ///< [rank, in] and [out, rank]
  std::string weight_difference, bias_difference;
  std::int64_t rank = 0;
  double factor = 1;  ///< of the product up x down: alpha / rank

  bool has_pair() const { return !down.empty() && !up.empty(); }
  /// One matrix of a pair without the other.
  bool has_half() const { return down.empty() != up.empty(); }
};

/// The layers of a LoRA file, from its header and its scalars. Reads the names of PEFT (lora_A,
/// lora_B), of the original repositories (lora_down, lora_up, alpha, diff, diff_b) and of kohya
/// (lora_unet_, underscores instead of dots). Alpha is the tensor `alpha`, else what PEFT's
/// metadata says, else the rank.
///
/// throws  InputError naming file and tensor for matrices whose ranks differ, or that are none
class LoraFile {
 public:
  explicit LoraFile(const std::filesystem::path& path);

  const SafetensorsFile& tensors() const { return tensors_; }
  const std::vector<LoraLayer>& layers() const { return layers_; }
  /// Tensors that have no place in a LoRA, as those of DoRA or LoKr.
  const std::vector<std::string>& unknown() const { return unknown_; }

 private:
  SafetensorsFile tensors_;
  std::vector<LoraLayer> layers_;
  std::vector<std::string> unknown_;
};

}  // namespace chitu::io
