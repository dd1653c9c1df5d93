#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/memory/module.h"
#include "chitu_core/nn/linear.h"

namespace chitu::models {

/// Linear, GELU (tanh form), Linear, as in diffusers' transformers. Keys: net.0.proj, net.2.
class FeedForward : public memory::Module {
 public:
  FeedForward(std::int64_t width, std::int64_t middle);
  at::Tensor forward(const at::Tensor& x) const;  ///< [B, L, D] to [B, L, D]

  /// hidden += gate * forward(norm(hidden) * scale + shift), in place, in runs of tokens.
  ///
  /// hidden              [B, L, D]
  /// scale, shift, gate  [B, 1, D] float32; a scale includes its 1 +
  /// chunk_tokens        most tokens in the hidden layer at once; 0 = all
  void add_to(at::Tensor& hidden, const at::Tensor& scale, const at::Tensor& shift,
              const at::Tensor& gate, double eps, std::int64_t chunk_tokens) const;

 private:
  nn::Linear in_, out_;
};

/// Tokens that pass a feed-forward of this width together: all of them while its hidden layer stays
/// below 128 MiB in 16 bit, else as many as fit there, in multiples of 256. Depends only
/// on shapes, because another number may round otherwise.
///
/// ranks  that share the sequence: each has as much less room
std::int64_t default_ffn_chunk(std::int64_t tokens, std::int64_t ffn_dim, int ranks = 1);

}  // namespace chitu::models
