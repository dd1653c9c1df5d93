#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <vector>

#include "chitu_core/io/safetensors_outline.h"
#include "pipelines/model/component_set.h"

namespace chitu::pipelines {

/// Order of the tensors in a converted file.
enum class ConvertLayout {
  streaming,  ///< as runs read them: outside the layers, then layer after layer
  stored,     ///< as in the source
};

/// A tensor of a converted component.
struct ConvertedTensor {
  std::string source;      ///< its name in the source; empty for the marker of scaled weights
  io::TensorOutline out;   ///< what is written
  bool is_scaled = false;  ///< float8 values, followed by their scale
};

/// What is written for a component, in order.
struct ConvertPlan {
  std::vector<ConvertedTensor> tensors;

  /// The tensors of the file, scales and marker included.
  std::vector<io::TensorOutline> outlines() const;
};

/// Weights that compute in `dtype` are stored in it. With float8_e4m3fn, the matrices of the layers
/// are, each with a scale, and the others in bfloat16. What computes in float32 in any case, and
/// all of a VAE, which decodes in float32 by default, keeps its dtype; encoded weights of these
/// become float32.
ConvertPlan plan_conversion(const ComponentFiles& files, memory::Module& module,
                            c10::ScalarType dtype, ConvertLayout layout);

}  // namespace chitu::pipelines
