#include "chitu_core/models/qwen_image/rotary.h"

#include <ATen/ATen.h>

#include <vector>

#include "chitu_core/device/dry_run.h"

namespace chitu::models {
namespace {

constexpr int kTheta = 10000;

/// [count, part / 2] complex64 for the positions from `first` on.
at::Tensor axis_table(std::int64_t part, std::int64_t first, std::int64_t count) {
  const auto host = at::TensorOptions().device(device::host());
  const at::Tensor exponents =
      at::arange(0, part, 2, host.dtype(at::kFloat)).div_(static_cast<double>(part));
  const at::Tensor frequencies = at::pow(at::Scalar(kTheta), exponents).reciprocal_();
  const at::Tensor positions = at::arange(first, first + count, host.dtype(at::kFloat));
  const at::Tensor angles = at::outer(positions, frequencies);
  return at::complex(angles.cos(), angles.sin());
}

}  // namespace

at::Tensor QwenEmbedRope::picture(std::int64_t rows, std::int64_t columns,
                                  c10::Device device) const {
  const auto spread = [&](const at::Tensor& table, at::IntArrayRef shape) {
    return table.view(shape).expand({rows, columns, table.size(-1)});
  };
  const auto centred = [](std::int64_t part, std::int64_t count) {
    return axis_table(part, count / 2 - count, count);
  };
  const std::int64_t rest = -1;
  const at::Tensor table = at::cat({spread(axis_table(axes_[0], 0, 1), {1, 1, rest}),
                                    spread(centred(axes_[1], rows), {rows, 1, rest}),
                                    spread(centred(axes_[2], columns), {1, columns, rest})},
                                   -1);
  return table.flatten(0, 1).to(device);
}

at::Tensor QwenEmbedRope::text(std::int64_t rows, std::int64_t columns, std::int64_t tokens,
                               c10::Device device) const {
  std::vector<at::Tensor> axes;
  for (const std::int64_t part : axes_)
    axes.push_back(axis_table(part, qwen_image_text_position(rows, columns), tokens));
  return at::cat(axes, -1).to(device);
}

}  // namespace chitu::models
