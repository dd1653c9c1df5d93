#include "chitu_core/models/wan/vae_norm.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/nn/conv.h"
#include "chitu_core/nn/cpu_kernels.h"
#include "chitu_core/threads/parallel_for.h"

namespace chitu::models {
namespace {

constexpr float kShortestLength = 1e-12F;
/// Elements per block in float32 before rounding: half of a first-level cache.
constexpr std::int64_t kBlock = 4096;
/// Fewest elements of a thread.
constexpr std::int64_t kGrain = 1 << 14;

/// e^x within 2 units in the last place for x in -87..88, where float32 can represent it.
/// Branch-free, so that loops over it are vectorised. Range reduction by ln 2 and a minimax
/// polynomial.
[[gnu::always_inline]] inline float exponential(float x) {
  x = std::min(std::max(x, -87.0F), 88.0F);
  constexpr float kRounder = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float n = (x * 1.44269504F + kRounder) - kRounder;
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const auto power = static_cast<std::int32_t>(n) + 127;
  return p * std::bit_cast<float>(power << 23);
}

/// The factor that scales a position to length 1.
template <class T>
[[gnu::always_inline]] inline float inverse_length(const T* x, std::int64_t channels) {
  std::array<float, 16> sums{};  // a fixed order of summation that fits vector registers
  std::int64_t c = 0;
  for (; c + 16 <= channels; c += 16)
    for (std::size_t lane = 0; lane < 16; ++lane) {
      const float value = x[c + static_cast<std::int64_t>(lane)];
      sums[lane] += value * value;
    }
  for (std::size_t width = 8; width > 0; width /= 2)
    for (std::size_t lane = 0; lane < width; ++lane) sums[lane] += sums[lane + width];
  float sum = sums[0];
  for (; c < channels; ++c) {
    const float value = x[c];
    sum += value * value;
  }
  return 1.0F / std::max(std::sqrt(sum), kShortestLength);
}

/// Positions begin..end of x [positions, channels]; `weight` is gamma * sqrt(channels).
struct NormPositions {
  template <class T>
  [[gnu::always_inline]] static void run(const T* x, const float* weight, T* out,
                                         std::int64_t channels, bool silu, std::int64_t begin,
                                         std::int64_t end) {
    std::array<float, kBlock> block;
    const std::int64_t step = std::max<std::int64_t>(1, kBlock / channels);
    for (std::int64_t first = begin; first < end; first += step) {
      const std::int64_t positions = std::min(step, end - first);
      const T* in = x + first * channels;
      for (std::int64_t p = 0; p < positions; ++p) {
        const float factor = inverse_length(in + p * channels, channels);
        float* row = block.data() + p * channels;
        for (std::int64_t c = 0; c < channels; ++c)
          row[c] = static_cast<float>(in[p * channels + c]) * factor * weight[c];
      }
      T* to = out + first * channels;
      const std::int64_t count = positions * channels;
      if (silu)
        for (std::int64_t i = 0; i < count; ++i) to[i] = block[i] / (1.0F + exponential(-block[i]));
      else
        for (std::int64_t i = 0; i < count; ++i) to[i] = block[i];
    }
  }
};

template <class T>
void norm_on_host(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& out, bool silu) {
  const std::int64_t channels = x.size(-1), batch = x.size(0);
  const std::int64_t positions = x.numel() / (channels * batch);
  const at::Tensor weight =
      gamma.to(at::kFloat).view({channels}) * std::sqrt(static_cast<double>(channels));
  if (device::in_dry_run()) return;
  for (std::int64_t b = 0; b < batch; ++b) {
    const T* from = x.const_data_ptr<T>() + b * x.stride(0);
    T* to = out.mutable_data_ptr<T>() + b * out.stride(0);
    threads::parallel_for(0, positions, std::max<std::int64_t>(1, kGrain / channels),
                          [&](std::int64_t begin, std::int64_t end) {
                            nn::run_cpu_kernel<NormPositions>(from, weight.const_data_ptr<float>(),
                                                              to, channels, silu, begin, end);
                          });
  }
}

bool host_kernel_fits(const at::Tensor& x) {
  return nn::in_host_memory(x) && x.size(-1) <= kBlock &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

void norm_into(const at::Tensor& x, const at::Tensor& gamma, const at::Tensor& out, bool silu) {
  if (x.scalar_type() == at::kBFloat16)
    norm_on_host<at::BFloat16>(x, gamma, out, silu);
  else
    norm_on_host<float>(x, gamma, out, silu);
}

}  // namespace

WanRmsNorm::WanRmsNorm(std::int64_t channels, int trailing_dims)
    : gamma_(add_parameter("gamma", trailing_dims == 2
                                        ? std::vector<std::int64_t>{channels, 1, 1}
                                        : std::vector<std::int64_t>{channels, 1, 1, 1})) {}

at::Tensor WanRmsNorm::forward(const at::Tensor& x) const {
  if (host_kernel_fits(x)) {
    at::Tensor out = at::empty_like(x);
    norm_into(x, gamma_.tensor, out, false);
    return out;
  }
  const std::int64_t channels = x.size(-1);
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor length = at::linalg_vector_norm(wide, 2, -1, true).clamp_min_(kShortestLength);
  const at::Tensor weight =
      gamma_.tensor.to(at::kFloat).view({channels}) * std::sqrt(static_cast<double>(channels));
  return (wide / length).mul_(weight).to(x.scalar_type());
}

void WanRmsNorm::silu_into(const at::Tensor& x, at::Tensor& out) const {
  if (host_kernel_fits(x))
    norm_into(x, gamma_.tensor, out, true);
  else
    out.copy_(at::silu(forward(x)));
}

}  // namespace chitu::models
