#include "chitu_core/models/wan/rotary.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/nn/row_chunks.h"

namespace chitu::models {
namespace {

constexpr double kTheta = 10000.0;
constexpr std::array<std::string_view, 3> kAxes{"frames", "rows", "columns"};

/// [positions, part / 2] complex128.
at::Tensor axis_table(std::int64_t part, std::int64_t positions) {
  const auto float64 = at::TensorOptions().dtype(at::kDouble).device(device::host());
  const at::Tensor exponents = at::arange(0, part, 2, float64).div_(static_cast<double>(part));
  const at::Tensor frequencies = at::pow(at::Scalar(kTheta), exponents).reciprocal_();
  const at::Tensor angles = at::outer(at::arange(positions, float64), frequencies);
  return at::complex(angles.cos(), angles.sin());
}

}  // namespace

WanRotaryPosEmbed::WanRotaryPosEmbed(std::int64_t head_dim, std::int64_t max_positions)
    : max_positions_(max_positions) {
  const std::int64_t spatial = 2 * (head_dim / 6);
  parts_ = {head_dim - 2 * spatial, spatial, spatial};
}

at::Tensor WanRotaryPosEmbed::table(const std::array<std::int64_t, 3>& grid,
                                    c10::Device device) const {
  std::vector<at::Tensor> axes;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (grid[axis] > max_positions_)
      throw InputError(
          fmt::format("the video has {} {} of tokens, the transformer takes at most {}", grid[axis],
                      kAxes[axis], max_positions_));
    std::vector<std::int64_t> shape{1, 1, 1, parts_[axis] / 2};
    shape[axis] = grid[axis];
    axes.push_back(axis_table(parts_[axis], grid[axis])
                       .view(shape)
                       .expand({grid[0], grid[1], grid[2], parts_[axis] / 2}));
  }
  return at::cat(axes, -1).flatten(0, 2).to(at::kComplexFloat).to(device);
}

void apply_rotary_(at::Tensor& x, const at::Tensor& table) {
  nn::for_row_chunks(x, [&](std::int64_t start, std::int64_t count) {
    at::Tensor rows = x.narrow(1, start, count);
    const at::Tensor turned = rows.to(at::kFloat);  // no copy if already float32
    const at::Tensor pairs = at::view_as_complex(turned.unflatten(-1, {-1, 2}));
    pairs.mul_(table.narrow(0, start, count).unsqueeze(1));
    if (!turned.is_same(rows)) rows.copy_(turned);
  });
}

}  // namespace chitu::models
