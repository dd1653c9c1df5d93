#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/memory/module.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/linear.h"
#include "chitu_core/nn/norm.h"

namespace chitu::models {

/// Keys and values of one attention, [B, heads, L, head_dim] each.
struct KeysValues {
  at::Tensor keys;
  at::Tensor values;
};

/// One attention of a Wan block: self-attention, or cross-attention to the prompt. Queries and keys
/// are normalised over the full width, before the split into heads.
class WanAttention : public memory::Module {
 public:
  WanAttention(std::int64_t width, std::int64_t heads, double eps);

  /// x [B, L, D], rotary [L, head_dim / 2] complex64; returns [B, L, D].
  at::Tensor attend_to_itself(at::Tensor x, const at::Tensor& rotary,
                              const nn::Attention& attention) const;

  /// text [B, L, D]: the keys and values of the prompt, the same at every step.
  KeysValues keys_values(const at::Tensor& text) const;
  /// x [B, L, D]; attends to all rows of the prompt, padding included. Returns [B, L, D].
  at::Tensor attend_to_text(const at::Tensor& x, const KeysValues& text,
                            const nn::Attention& attention) const;

 private:
  at::Tensor split_heads(const at::Tensor& x) const;
  at::Tensor join_heads(const at::Tensor& x) const;

  std::int64_t heads_;
  nn::Linear to_q_, to_k_, to_v_, to_out_;
  nn::RmsNorm norm_q_, norm_k_;
};

}  // namespace chitu::models
