#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "chitu_core/io/tensor_file.h"

namespace chitu::io {

/// How the tensors of a checkpoint belong together where weights have scales.
struct ScaledWeights {
  std::map<std::string, std::string> scale_of;  ///< name of the scale, by that of the weight
  /// Tensors that are no weights: scales, markers, and what text encoders of ComfyUI carry along.
  std::set<std::string> beside;
};

/// Finds the scales of float8 weights: `m.scale_weight` or `m.weight_scale` beside `m.weight`, with
/// the marker `scaled_fp8`, or `m.comfy_quant`, which names a format. Scales of activations
/// (`m.scale_input`, `m.input_scale`) change nothing where weights are cast for use.
///
/// throws  InputError naming the file for a scale without its float8 weight, a float8 weight
/// without
///         its scale in a file that has the marker, a scale of another shape than one number or one
///         per row, and for formats that are not supported, by name: int8_convrot, nvfp4, mxfp8,
///         W4A8 and others
ScaledWeights find_scales(const std::vector<TensorFile>& files);

}  // namespace chitu::io
