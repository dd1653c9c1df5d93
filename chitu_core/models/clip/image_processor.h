#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>

#include "chitu_core/io/picture/resize.h"

namespace chitu::io {
class JsonObject;
}

namespace chitu::models {

/// Prepares a picture for CLIPVisionModel, as preprocessor_config.json says: resized, cropped to
/// the middle, rescaled and normalised. The defaults are those of the published class.
struct ClipImageProcessor {
  bool do_resize = true;
  std::optional<std::int64_t> shortest_edge = 224;  ///< of the resized picture; empty = size
  std::array<std::int64_t, 2> size{};               ///< height and width, without shortest_edge
  io::Resampling resample = io::Resampling::bicubic;
  bool do_center_crop = true;
  std::array<std::int64_t, 2> crop_size{224, 224};  ///< height and width
  bool do_rescale = true;
  double rescale_factor = 1 / 255.0;
  bool do_normalize = true;
  std::array<double, 3> image_mean{0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> image_std{0.26862954, 0.26130258, 0.27577711};

  /// throws  InputError naming file and key for a wrong type, a number out of range, or a step that
  ///         is not supported
  static ClipImageProcessor from_json(const io::JsonObject& json);

  /// Height and width of every result; empty if they depend on the picture.
  std::optional<std::array<std::int64_t, 2>> result_size() const;

  /// picture  [H, W, 3] uint8; returns [1, 3, height, width] float32
  at::Tensor pixel_values(const at::Tensor& picture) const;
};

}  // namespace chitu::models
