#include "chitu_core/nn/conv_temporal.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <array>

#include "chitu_core/device/planning.h"
#include "chitu_core/nn/cpu_clones.h"

namespace chitu::nn {
namespace {

/// Multiplications of a plain convolution below which four calls cost more than they save.
constexpr std::int64_t kPairsPayFrom = 1 << 28;
/// Elements a thread takes at least.
constexpr std::int64_t kGrain = 1 << 15;

template <class T>
using Four = std::array<T, 4>;

/// Winograd's input transform of frames d0..d3.
template <class T>
[[gnu::always_inline]] inline void mix_frames(const T* __restrict d0, const T* __restrict d1,
                                              const T* __restrict d2, const T* __restrict d3,
                                              T* __restrict m0, T* __restrict m1, T* __restrict m2,
                                              T* __restrict m3, std::int64_t count) {
  CHITU_NO_OVERLAP
  for (std::int64_t i = 0; i < count; ++i) {
    const float a = d0[i], b = d1[i], c = d2[i], e = d3[i];
    m0[i] = a - c;
    m1[i] = b + c;
    m2[i] = c - b;
    m3[i] = b - e;
  }
}

/// Winograd's filter transform of taps g0..g2.
template <class T>
[[gnu::always_inline]] inline void mix_taps(const T* __restrict g0, const T* __restrict g1,
                                            const T* __restrict g2, T* __restrict m0,
                                            T* __restrict m1, T* __restrict m2, T* __restrict m3,
                                            std::int64_t count) {
  CHITU_NO_OVERLAP
  for (std::int64_t i = 0; i < count; ++i) {
    const float a = g0[i], b = 0.5F * static_cast<float>(g1[i]), c = g2[i];
    const float ends = 0.5F * (a + c);
    m0[i] = a;
    m1[i] = ends + b;
    m2[i] = ends - b;
    m3[i] = c;
  }
}

/// Winograd's output transform: two frames from four products.
template <class T>
[[gnu::always_inline]] inline void join_products(const T* __restrict p0, const T* __restrict p1,
                                                 const T* __restrict p2, const T* __restrict p3,
                                                 T* __restrict even, T* __restrict odd,
                                                 std::int64_t count) {
  CHITU_NO_OVERLAP
  for (std::int64_t i = 0; i < count; ++i) {
    const float a = p0[i], b = p1[i], c = p2[i], e = p3[i];
    even[i] = a + b + c;
    odd[i] = b - c - e;
  }
}

CHITU_CPU_CLONES void mix(const Four<const float*>& d, const Four<float*>& mixed,
                          std::int64_t begin, std::int64_t count) {
  mix_frames(d[0] + begin, d[1] + begin, d[2] + begin, d[3] + begin, mixed[0] + begin,
             mixed[1] + begin, mixed[2] + begin, mixed[3] + begin, count);
}
CHITU_CPU_CLONES void mix_weights(const float* g, std::int64_t tap, const Four<float*>& mixed) {
  mix_taps(g, g + tap, g + 2 * tap, mixed[0], mixed[1], mixed[2], mixed[3], tap);
}
CHITU_CPU_CLONES void join(const Four<const float*>& p, float* even, float* odd, std::int64_t begin,
                           std::int64_t count) {
  join_products(p[0] + begin, p[1] + begin, p[2] + begin, p[3] + begin, even + begin, odd + begin,
                count);
}
CHITU_CPU_CLONES void mix(const Four<const at::BFloat16*>& d, const Four<at::BFloat16*>& mixed,
                          std::int64_t begin, std::int64_t count) {
  mix_frames(d[0] + begin, d[1] + begin, d[2] + begin, d[3] + begin, mixed[0] + begin,
             mixed[1] + begin, mixed[2] + begin, mixed[3] + begin, count);
}
CHITU_CPU_CLONES void mix_weights(const at::BFloat16* g, std::int64_t tap,
                                  const Four<at::BFloat16*>& mixed) {
  mix_taps(g, g + tap, g + 2 * tap, mixed[0], mixed[1], mixed[2], mixed[3], tap);
}
CHITU_CPU_CLONES void join(const Four<const at::BFloat16*>& p, at::BFloat16* even,
                           at::BFloat16* odd, std::int64_t begin, std::int64_t count) {
  join_products(p[0] + begin, p[1] + begin, p[2] + begin, p[3] + begin, even + begin, odd + begin,
                count);
}

/// The four sums of frames, each [B * F / 2, H, W, in].
template <class T>
Four<at::Tensor> mixed_frames(const at::Tensor& all) {
  const std::int64_t pairs = all.size(1) / 2 - 1, frame = all[0][0].numel();
  Four<at::Tensor> mixed;
  for (auto& tensor : mixed)
    tensor = at::empty({all.size(0) * pairs, all.size(2), all.size(3), all.size(4)}, all.options());
  if (device::planning()) return mixed;
  for (std::int64_t n = 0; n < all.size(0) * pairs; ++n) {
    const T* first = all.const_data_ptr<T>() + (n / pairs * all.size(1) + n % pairs * 2) * frame;
    const Four<const T*> d{first, first + frame, first + 2 * frame, first + 3 * frame};
    Four<T*> out;
    for (std::size_t k = 0; k < 4; ++k) out[k] = mixed[k].mutable_data_ptr<T>() + n * frame;
    at::parallel_for(0, frame, kGrain, [&](std::int64_t begin, std::int64_t end) {
      mix(d, out, begin, end - begin);
    });
  }
  return mixed;
}

/// [B * F, H, W, out] from the four products.
template <class T>
at::Tensor joined_frames(const Four<at::Tensor>& products) {
  const at::Tensor& one = products[0];
  const std::int64_t frame = one[0].numel();
  at::Tensor output =
      at::empty({2 * one.size(0), one.size(1), one.size(2), one.size(3)}, one.options());
  if (device::planning()) return output;
  for (std::int64_t n = 0; n < one.size(0); ++n) {
    Four<const T*> in;
    for (std::size_t k = 0; k < 4; ++k) in[k] = products[k].const_data_ptr<T>() + n * frame;
    T* even = output.mutable_data_ptr<T>() + 2 * n * frame;
    at::parallel_for(0, frame, kGrain, [&](std::int64_t begin, std::int64_t end) {
      join(in, even, even + frame, begin, end - begin);
    });
  }
  return output;
}

/// The four sums of the taps g0, g1, g2 of each output channel, [out, in, k, k] channels last.
template <class T>
Four<at::Tensor> mixed_taps(const at::Tensor& weight) {
  const at::Tensor taps = weight.contiguous(at::MemoryFormat::ChannelsLast3d);
  const std::int64_t picture = taps.size(1) * taps.size(3) * taps.size(4);
  Four<at::Tensor> mixed;
  for (auto& tensor : mixed)
    tensor = at::empty({taps.size(0), taps.size(1), taps.size(3), taps.size(4)},
                       taps.options().memory_format(at::MemoryFormat::ChannelsLast));
  if (device::planning()) return mixed;
  at::parallel_for(0, taps.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t out = begin; out < end; ++out) {
      const T* g = taps.const_data_ptr<T>() + out * 3 * picture;
      Four<T*> to;
      for (std::size_t k = 0; k < 4; ++k) to[k] = mixed[k].mutable_data_ptr<T>() + out * picture;
      mix_weights(g, picture, to);
    }
  });
  return mixed;
}

template <class T>
at::Tensor convolve_pairs(at::Tensor all, const at::Tensor& weight, const at::Tensor& bias,
                          PictureConv conv) {
  const std::int64_t batch = all.size(0), padding = weight.size(3) / 2;
  const Four<at::Tensor> taps = mixed_taps<T>(weight);
  Four<at::Tensor> mixed = mixed_frames<T>(all);
  all.reset();
  Four<at::Tensor> products;
  for (std::size_t k = 0; k < 4; ++k) {
    // The second product alone goes into both frames with a plus.
    products[k] = conv(mixed[k], taps[k], k == 1 ? bias : at::Tensor(), {padding, padding});
    mixed[k].reset();
  }
  const at::Tensor output = joined_frames<T>(products);
  return output.view(
      {batch, output.size(0) / batch, output.size(1), output.size(2), output.size(3)});
}

}  // namespace

bool temporal_pairs_pay(at::IntArrayRef frames, at::IntArrayRef weight) {
  const std::int64_t positions = frames[0] * frames[1] * frames[2] * frames[3];
  const std::int64_t products = weight[0] * weight[1] * weight[2] * weight[3] * weight[4];
  return frames[1] % 2 == 0 && positions * products >= kPairsPayFrom;
}

at::Tensor temporal_pairs(at::Tensor all, const at::Tensor& weight, const at::Tensor& bias,
                          PictureConv conv) {
  return all.scalar_type() == at::kBFloat16
             ? convolve_pairs<at::BFloat16>(std::move(all), weight, bias, conv)
             : convolve_pairs<float>(std::move(all), weight, bias, conv);
}

}  // namespace chitu::nn
