#include "chitu_core/models/wan/transformer_attention.h"

#include <ATen/ATen.h>

#include <utility>

#include "chitu_core/models/wan/rotary.h"

namespace chitu::models {
namespace {

nn::AttentionOptions of_sequence(const parallel::SequenceShards& shards) {
  return {.bias = {}, .scale = {}, .split = {shards.lengths(), shards.lengths()}};
}

}  // namespace

WanAttention::WanAttention(std::int64_t width, std::int64_t heads, double eps, bool sees_images)
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
  if (!sees_images) return;
  image_ = std::make_unique<ImageMaps>(width, eps);
  add_child("add_k_proj", image_->add_k_proj);
  add_child("add_v_proj", image_->add_v_proj);
  add_child("norm_added_k", image_->norm_added_k);
}

at::Tensor WanAttention::split_heads(const at::Tensor& x) const {
  return x.unflatten(-1, {heads_, -1});
}

at::Tensor WanAttention::join_heads(const at::Tensor& x) const {
  return x.transpose(1, 2).flatten(2);
}

at::Tensor WanAttention::attend_to_itself(at::Tensor x, const at::Tensor& rotary,
                                          const nn::Attention& attention,
                                          const parallel::SequenceShards& shards) const {
  // Each of these is as large as the hidden states: computed in place, and freed once used.
  const auto turned = [&](const nn::Linear& map, const nn::RmsNorm& norm) {
    at::Tensor heads = split_heads(norm.forward_(map.forward(x)));
    apply_rotary_(heads, rotary);
    return heads.transpose(1, 2);
  };
  at::Tensor q = turned(to_q_, norm_q_);
  at::Tensor k = turned(to_k_, norm_k_);
  at::Tensor v = split_heads(to_v_.forward(x)).transpose(1, 2);
  x.reset();
  const at::Tensor attended =
      attention(std::move(q), std::move(k), std::move(v), of_sequence(shards));
  return to_out_.forward(join_heads(attended));
}

KeysValues WanAttention::keys_values(const at::Tensor& text) const {
  return {split_heads(norm_k_.forward_(to_k_.forward(text))).transpose(1, 2),
          split_heads(to_v_.forward(text)).transpose(1, 2)};
}

KeysValues WanAttention::image_keys_values(const at::Tensor& image) const {
  return {
      split_heads(image_->norm_added_k.forward_(image_->add_k_proj.forward(image))).transpose(1, 2),
      split_heads(image_->add_v_proj.forward(image)).transpose(1, 2)};
}

at::Tensor WanAttention::attend_to_text(const at::Tensor& x, const KeysValues& text,
                                        const KeysValues& image,
                                        const nn::Attention& attention) const {
  const at::Tensor q = split_heads(norm_q_.forward_(to_q_.forward(x))).transpose(1, 2);
  const auto attend = [&](const KeysValues& to) {
    return join_heads(attention(q, to.keys, to.values,
                                {.kind = nn::AttentionKind::cross, .bias = {}, .scale = {}}));
  };
  at::Tensor attended = attend(text);
  if (image.keys.defined()) attended.add_(attend(image));
  return to_out_.forward(attended);
}

}  // namespace chitu::models
