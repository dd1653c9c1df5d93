#include "chitu_core/nn/conv_temporal.h"

#include <ATen/ATen.h>

#include <array>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/nn/cpu_kernels.h"
#include "chitu_core/threads/parallel_for.h"

namespace chitu::nn {
namespace {

/// With fewer multiplications in the direct convolution, four calls cost more than they save.
constexpr std::int64_t kPairsPayFrom = 1 << 28;
/// Fewest elements of a thread.
constexpr std::int64_t kGrain = 1 << 15;

template <class T>
using Four = std::array<T, 4>;

/// Winograd's input transform of frames d0..d3.
struct MixFrames {
  template <class T>
  [[gnu::always_inline]] static void run(const Four<const T*>* d, const Four<T*>* mixed,
                                         std::int64_t begin, std::int64_t end) {
    const T* __restrict d0 = (*d)[0], * __restrict d1 = (*d)[1], * __restrict d2 = (*d)[2], * __restrict d3 = (*d)[3];
    T* __restrict m0 = (*mixed)[0], * __restrict m1 = (*mixed)[1], * __restrict m2 = (*mixed)[2], * __restrict m3 = (*mixed)[3];
    CHITU_NO_OVERLAP
    for (std::int64_t i = begin; i < end; ++i) {
      const float a = d0[i], b = d1[i], c = d2[i], e = d3[i];
      m0[i] = a - c;
      m1[i] = b + c;
      m2[i] = c - b;
      m3[i] = b - e;
    }
  }
};

/// Winograd's filter transform of taps g0..g2, adjacent in memory.
struct MixTaps {
  template <class T>
  [[gnu::always_inline]] static void run(const T* taps, const Four<T*>* mixed, std::int64_t count) {
    const T* __restrict g0 = taps, * __restrict g1 = taps + count, * __restrict g2 = taps + 2 * count;
    T* __restrict m0 = (*mixed)[0], * __restrict m1 = (*mixed)[1], * __restrict m2 = (*mixed)[2], * __restrict m3 = (*mixed)[3];
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
};

/// Winograd's output transform: two frames, adjacent in memory, from four products.
struct JoinProducts {
  template <class T>
  [[gnu::always_inline]] static void run(const Four<const T*>* products, T* frames,
                                         std::int64_t frame, std::int64_t begin, std::int64_t end) {
    const T* __restrict p0 = (*products)[0], * __restrict p1 = (*products)[1], * __restrict p2 = (*products)[2], * __restrict p3 = (*products)[3];
    T* __restrict even = frames, * __restrict odd = frames + frame;
    CHITU_NO_OVERLAP
    for (std::int64_t i = begin; i < end; ++i) {
      const float a = p0[i], b = p1[i], c = p2[i], e = p3[i];
      even[i] = a + b + c;
      odd[i] = b - c - e;
    }
  }
};

/// The four sums of frames, each [B * F / 2, H, W, in].
template <class T>
Four<at::Tensor> mixed_frames(const at::Tensor& all) {
  const std::int64_t pairs = all.size(1) / 2 - 1, frame = all[0][0].numel();
  Four<at::Tensor> mixed;
  for (auto& tensor : mixed)
    tensor = at::empty({all.size(0) * pairs, all.size(2), all.size(3), all.size(4)}, all.options());
  if (device::in_dry_run()) return mixed;
  for (std::int64_t n = 0; n < all.size(0) * pairs; ++n) {
    const T* first = all.const_data_ptr<T>() + (n / pairs * all.size(1) + n % pairs * 2) * frame;
    const Four<const T*> d{first, first + frame, first + 2 * frame, first + 3 * frame};
    Four<T*> out;
    for (std::size_t k = 0; k < 4; ++k) out[k] = mixed[k].mutable_data_ptr<T>() + n * frame;
    threads::parallel_for(0, frame, kGrain, [&](std::int64_t begin, std::int64_t end) {
      run_cpu_kernel<MixFrames>(&d, &out, begin, end);
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
  if (device::in_dry_run()) return output;
  for (std::int64_t n = 0; n < one.size(0); ++n) {
    Four<const T*> in;
    for (std::size_t k = 0; k < 4; ++k) in[k] = products[k].const_data_ptr<T>() + n * frame;
    T* even = output.mutable_data_ptr<T>() + 2 * n * frame;
    threads::parallel_for(0, frame, kGrain, [&](std::int64_t begin, std::int64_t end) {
      run_cpu_kernel<JoinProducts>(&in, even, frame, begin, end);
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
  if (device::in_dry_run()) return mixed;
  threads::parallel_for(0, taps.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t out = begin; out < end; ++out) {
      const T* g = taps.const_data_ptr<T>() + out * 3 * picture;
      Four<T*> to;
      for (std::size_t k = 0; k < 4; ++k) to[k] = mixed[k].mutable_data_ptr<T>() + out * picture;
      run_cpu_kernel<MixTaps>(g, &to, picture);
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
    // Only the second product is added to both frames.
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
