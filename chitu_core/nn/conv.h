#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <unordered_map>

#include "chitu_core/memory/module.h"

namespace chitu::nn {

/// Convolutions over pictures and clips that lie channels last: [N, H, W, C] and [B, F, H, W, C],
/// contiguous. That is the order in which oneDNN computes without reordering, and in which a norm
/// over channels reads one run of memory. Weights are bound in the matching memory format.

/// A 1x1 convolution: one matrix product a pixel. Keys: weight [out, in, 1, 1] (`kernel_dims` 2) or
/// [out, in, 1, 1, 1] (`kernel_dims` 3), bias [out].
class PointwiseConv : public memory::Module {
 public:
  PointwiseConv(std::int64_t in_channels, std::int64_t out_channels, int kernel_dims);

  /// x [..., in]; returns [..., out].
  at::Tensor forward(const at::Tensor& x) const;

  at::ScalarType dtype() const { return weight_.tensor.scalar_type(); }

 private:
  memory::Parameter& weight_;
  memory::Parameter& bias_;
};

/// A convolution of odd kernel that keeps height and width. Keys: weight [out, in, k, k], bias
/// [out].
class Conv2d : public memory::Module {
 public:
  Conv2d(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel);

  /// x [N, H, W, in]; returns [N, H, W, out].
  at::Tensor forward(const at::Tensor& x) const;

  /// The convolution of x enlarged twofold, each pixel repeated; kernel 3 alone.
  ///
  /// On the CPU large pictures are never enlarged: an output pixel sees 2x2 input pixels, so four
  /// convolutions of kernel 2 with summed taps give the four phases for 4/9 of the arithmetic.
  ///
  /// x [N, H, W, in]; returns [N, 2 H, 2 W, out].
  at::Tensor forward_upsampled(const at::Tensor& x) const;

 private:
  at::Tensor upsampled_by_phases(const at::Tensor& x) const;

  memory::Parameter& weight_;
  memory::Parameter& bias_;
};

class CausalConv3d;

/// What the causal convolutions of one decode have seen: for each the last input frames, which
/// stand in front of the next chunk. Belongs to one run; models keep no state of their own.
class FeatureCache {
 public:
  /// Keeps nothing from now on: the next chunk is the last, so nothing would be read again.
  void stop_keeping() { keeping_ = false; }
  bool keeping() const { return keeping_; }
  /// For the pieces of a chunk: all but the last are kept whatever comes after the chunk.
  void set_keeping(bool keeping) { keeping_ = keeping; }
  /// Bytes of all frames that are kept.
  std::int64_t bytes() const;

 private:
  friend class CausalConv3d;
  std::unordered_map<const CausalConv3d*, at::Tensor> frames_;
  bool keeping_ = true;
};

/// A convolution over a clip that sees no later frame: an output frame depends on its own and the
/// kernel_frames - 1 frames before it; before the first frame there are zeros. Height and width are
/// kept. Keys: weight [out, in, kernel_frames, k, k], bias [out].
class CausalConv3d : public memory::Module {
 public:
  CausalConv3d(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_frames,
               std::int64_t kernel);

  std::int64_t in_channels() const { return weight_.shape[1]; }

  /// The input of one chunk with the frames before it. The caller fills `frames`, so that a norm
  /// can write its result where the convolution reads it.
  struct Window {
    at::Tensor all;          ///< [B, past + F, H, W, in]
    at::Tensor frames;       ///< [B, F, H, W, in], the last frames of `all`
    std::int64_t zeros = 0;  ///< leading frames of `all` that stand before the clip
  };

  /// An input for F new frames. Takes the past out of the cache.
  ///
  /// sizes    [B, F, H, W, any]
  /// options  dtype and device of the activations
  Window window(at::IntArrayRef sizes, const at::TensorOptions& options, FeatureCache& cache) const;
  /// Leaves the window's last frames in the cache. Returns [B, F, H, W, out].
  at::Tensor forward(Window window, FeatureCache& cache) const;
  /// The same for frames x [B, F, H, W, in] at hand.
  at::Tensor forward(const at::Tensor& x, FeatureCache& cache) const;

 private:
  void keep(const Window& window, FeatureCache& cache) const;

  memory::Parameter& weight_;
  memory::Parameter& bias_;
};

/// Whether kernels for host memory may compute on this tensor.
bool in_host_memory(const at::Tensor& tensor);

}  // namespace chitu::nn
