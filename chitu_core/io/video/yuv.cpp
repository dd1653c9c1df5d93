#include "chitu_core/io/video/yuv.h"

#include <ATen/ops/cat.h>

#include "chitu_core/common/error.h"

extern "C" {
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

namespace chitu::io {
namespace {

constexpr int kFlags = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_BITEXACT;

at::Tensor padded(const at::Tensor& frame, const AVFrame& out) {
  at::Tensor even = frame;
  if (even.size(0) < out.height) even = at::cat({even, even.slice(0, -1)}, 0);
  if (even.size(1) < out.width) even = at::cat({even, even.slice(1, -1)}, 1);
  return even.contiguous();
}

SwsContext* make_context(const AVFrame& out) {
  SwsContext* context =
      sws_getContext(out.width, out.height, AV_PIX_FMT_RGB24, out.width, out.height,
                     static_cast<AVPixelFormat>(out.format), kFlags, nullptr, nullptr, nullptr);
  const int* bt709 = sws_getCoefficients(SWS_CS_ITU709);
  constexpr int kOne = 1 << 16;
  // Full range to limited range; brightness, contrast and saturation unchanged.
  if (context == nullptr ||
      sws_setColorspaceDetails(context, bt709, 1, bt709, 0, 0, kOne, kOne) < 0)
    throw Error("FFmpeg cannot convert RGB to YUV");
  return context;
}

}  // namespace

RgbToYuv::~RgbToYuv() { sws_freeContext(context_); }

void RgbToYuv::convert(const at::Tensor& frame, AVFrame& out) {
  if (context_ == nullptr) context_ = make_context(out);
  const at::Tensor even = padded(frame, out);
  const auto* pixels = static_cast<const std::uint8_t*>(even.const_data_ptr());
  const int row_bytes = out.width * 3;
  sws_scale(context_, &pixels, &row_bytes, 0, out.height, out.data, out.linesize);
}

}  // namespace chitu::io
