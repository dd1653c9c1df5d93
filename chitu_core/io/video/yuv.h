#pragma once

#include <ATen/core/Tensor.h>

struct AVFrame;
struct SwsContext;

namespace chitu::io {

/// Converts RGB frames to 4:2:0 YUV, BT.709, limited range, as in high-definition video.
class RgbToYuv {
 public:
  RgbToYuv() = default;
  ~RgbToYuv();
  RgbToYuv(const RgbToYuv&) = delete;
  RgbToYuv& operator=(const RgbToYuv&) = delete;

  /// frame  [H, W, 3] uint8 RGB
  /// out    the same size, or one pixel wider or higher to be even; then the last column or row is
  ///        repeated
  void convert(const at::Tensor& frame, AVFrame& out);

 private:
  SwsContext* context_ = nullptr;
};

}  // namespace chitu::io
