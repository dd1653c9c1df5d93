#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <unordered_map>

#include "chitu_core/memory/module.h"

namespace chitu::nn {

/// Convolutions over pictures and clips, channels last: [N, H, W, C] and [B, F, H, W, C],
/// contiguous. oneDNN needs no reordering in this layout, and a norm over channels reads adjacent
/// memory. Weights are bound in the matching memory format.

/// A 1x1 convolution: one matrix product per pixel. Keys: weight [out, in, 1, 1] (`kernel_dims` 2)
/// or [out, in, 1, 1, 1] (`kernel_dims` 3), bias [out].
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

  /// The convolution of x upsampled twofold (nearest). Kernel 3 only.
  ///
  /// On the CPU large pictures are not upsampled: an output pixel depends on 2x2 input pixels, so
  /// four convolutions of kernel 2 with summed taps compute the four phases with 4/9 of the
  /// arithmetic.
  ///
  /// x [N, H, W, in]; returns [N, 2 H, 2 W, out].
  at::Tensor forward_upsampled(const at::Tensor& x) const;

  /// The convolution at every other row and column, with a row and a column of zeros after the last
  /// ones and none before the first. Kernel 3 only.
  ///
  /// x [N, H, W, in], H and W even; returns [N, H / 2, W / 2, out].
  at::Tensor forward_downsampled(const at::Tensor& x) const;

 private:
  at::Tensor upsampled_by_phases(const at::Tensor& x) const;

  memory::Parameter& weight_;
  memory::Parameter& bias_;
};

class CausalConv3d;

/// For each causal convolution of one decode, the last input frames, which precede the next chunk.
/// Belongs to one run; models keep no state.
class FeatureCache {
 public:
  /// Keeps nothing from now on, because the next chunk is the last.
  void stop_keeping() { keeping_ = false; }
  bool keeping() const { return keeping_; }
  /// For a chunk in pieces: frames are kept for the next piece, even in the last chunk.
  void set_keeping(bool keeping) { keeping_ = keeping; }
  /// Bytes of all frames kept.
  std::int64_t bytes() const;

 private:
  friend class CausalConv3d;
  std::unordered_map<const CausalConv3d*, at::Tensor> frames_;
  bool keeping_ = true;
};

/// A causal convolution over a clip: an output frame depends on the same and the previous
/// kernel_frames - 1 input frames, with zeros before the first one. Height and width are kept.
/// Keys: weight [out, in, kernel_frames, k, k], bias [out].
class CausalConv3d : public memory::Module {
 public:
  CausalConv3d(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_frames,
               std::int64_t kernel);

  std::int64_t in_channels() const { return weight_.shape[1]; }

  /// The input of one chunk and the frames before it. The caller fills `frames`, so a norm can
  /// write its result where the convolution reads it.
  struct Window {
    at::Tensor all;          ///< [B, past + F, H, W, in]
    at::Tensor frames;       ///< [B, F, H, W, in], the last frames of `all`
    std::int64_t zeros = 0;  ///< leading frames of `all`, before the clip begins
  };

  /// An input for F new frames. Takes the past out of the cache.
  ///
  /// sizes    [B, F, H, W, any]
  /// options  dtype and device of the activations
  Window window(at::IntArrayRef sizes, const at::TensorOptions& options, FeatureCache& cache) const;
  /// Leaves the window's last frames in the cache. Returns [B, F, H, W, out].
  at::Tensor forward(Window window, FeatureCache& cache) const;
  /// The same for given frames x [B, F, H, W, in].
  at::Tensor forward(const at::Tensor& x, FeatureCache& cache) const;

  /// Halves the frames: output frame i depends on the input frames 2 i - 1, 2 i and 2 i + 1 of a
  /// chunk, frame -1 being the last one before it. The clip's first frame stays as it is. Kernel
  /// [3, 1, 1] only.
  ///
  /// x            [B, F, H, W, in], F = 1 in the first chunk, else even
  /// first_chunk  x is the first frame of the clip
  /// returns      [B, 1 or F / 2, H, W, out]
  at::Tensor forward_halved(const at::Tensor& x, FeatureCache& cache, bool first_chunk) const;

 private:
  void keep(const Window& window, FeatureCache& cache) const;

  memory::Parameter& weight_;
  memory::Parameter& bias_;
};

/// Whether chitu's CPU kernels can compute on this tensor.
bool in_host_memory(const at::Tensor& tensor);

}  // namespace chitu::nn
