#include "chitu_core/models/wan/transformer_attention.h"

#include <ATen/ATen.h>

#include "chitu_core/models/wan/rotary.h"

namespace chitu::models {

WanAttention::WanAttention(std::int64_t width, std::int64_t heads, double eps)
    : heads_(heads),
      to_q_(width, width),
      to_k_(width, width),
      to_v_(width, width),
      to_out_(width, width),
      norm_q_(width, eps),
      norm_k_(width, eps) {
  add_child("to_q", to_q_);
  add_child("to_k", to_k_);
  add_child("to_v", to_v_);
  add_child("to_out.0", to_out_);
  add_child("norm_q", norm_q_);
  add_child("norm_k", norm_k_);
}

at::Tensor WanAttention::split_heads(const at::Tensor& x) const {
  return x.unflatten(-1, {heads_, -1});
}

at::Tensor WanAttention::join_heads(const at::Tensor& x) const {
  return x.transpose(1, 2).flatten(2);
}

at::Tensor WanAttention::attend_to_itself(const at::Tensor& x, const at::Tensor& rotary,
                                          const nn::Attention& attention) const {
  const auto turned = [&](const at::Tensor& normed) {
    return apply_rotary(split_heads(normed), rotary).transpose(1, 2);
  };
  const at::Tensor q = turned(norm_q_.forward(to_q_.forward(x)));
  const at::Tensor k = turned(norm_k_.forward(to_k_.forward(x)));
  const at::Tensor v = split_heads(to_v_.forward(x)).transpose(1, 2);
  return to_out_.forward(join_heads(attention(q, k, v)));
}

KeysValues WanAttention::keys_values(const at::Tensor& text) const {
  return {split_heads(norm_k_.forward(to_k_.forward(text))).transpose(1, 2),
          split_heads(to_v_.forward(text)).transpose(1, 2)};
}

at::Tensor WanAttention::attend_to_text(const at::Tensor& x, const KeysValues& text,
                                        const nn::Attention& attention) const {
  const at::Tensor q = split_heads(norm_q_.forward(to_q_.forward(x))).transpose(1, 2);
  return to_out_.forward(join_heads(attention(
      q, text.keys, text.values, {.kind = nn::AttentionKind::cross, .bias = {}, .scale = {}})));
}

}  // namespace chitu::models
