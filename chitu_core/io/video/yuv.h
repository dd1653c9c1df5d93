#pragma once

#include <ATen/core/Tensor.h>

struct AVFrame;
struct SwsContext;

namespace chitu::io {

/// Converts RGB frames to 4:2:0 YUV of BT.709 in limited range, as high-definition video has it.
class RgbToYuv {
 public:
  RgbToYuv() = default;
  ~RgbToYuv();
  RgbToYuv(const RgbToYuv&) = delete;
  RgbToYuv& operator=(const RgbToYuv&) = delete;

  /// frame  [H, W, 3] uint8 RGB; `out` is as large, or one wider and higher where that makes it
  /// even, in which case the last column and row are repeated.
  void convert(const at::Tensor& frame, AVFrame& out);

 private:
  SwsContext* context_ = nullptr;
};

}  // namespace chitu::io
