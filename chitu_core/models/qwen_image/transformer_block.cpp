#include "chitu_core/models/qwen_image/transformer_block.h"

#include <ATen/ATen.h>

#include <limits>
#include <utility>

#include "chitu_core/models/wan/rotary.h"

namespace chitu::models {
namespace {

/// Float16 may overflow: like the reference, clamps to the largest finite number.
void keep_finite_(at::Tensor& hidden) {
  if (hidden.scalar_type() != at::kHalf) return;
  const double largest = std::numeric_limits<at::Half>::max();
  hidden.clamp_(-largest, largest);
}

/// [B, L, heads, head_dim], normalised and turned in place, of the prompt and then the picture.
at::Tensor joined(at::Tensor text, at::Tensor picture, const nn::RmsNorm& text_norm,
                  const nn::RmsNorm& picture_norm, const PictureAndText& rotary) {
  text = text_norm.forward_(std::move(text));
  apply_rotary_(text, rotary.text);
  picture = picture_norm.forward_(std::move(picture));
  apply_rotary_(picture, rotary.picture);
  return at::cat({text, picture}, 1);
}

/// Each rank has its rows of the prompt, then its rows of the picture.
nn::AttentionOptions of_sequence(const PictureAndTextShards& shards, bool with_text) {
  const auto picture = shards.picture.lengths();
  auto joint = shards.text.lengths();
  for (std::size_t rank = 0; rank < joint.size(); ++rank) joint[rank] += picture[rank];
  return {.bias = {}, .scale = {}, .split = {with_text ? joint : picture, joint}};
}

}  // namespace

QwenImageModulationRows QwenImageModulationRows::from(const at::Tensor& rows) {
  const at::Tensor wide = rows.to(at::kFloat).unsqueeze(1).unsqueeze(1);  // [6, 1, 1, D]
  return {wide[0], wide[1].add(1), wide[2], wide[3], wide[4].add(1), wide[5]};
}

QwenImageAttention::QwenImageAttention(const QwenImageTransformer2DConfig& config)
    : heads_(config.num_attention_heads),
      to_q_(config.width(), config.width()),
      to_k_(config.width(), config.width()),
      to_v_(config.width(), config.width()),
      add_q_proj_(config.width(), config.width()),
      add_k_proj_(config.width(), config.width()),
      add_v_proj_(config.width(), config.width()),
      to_out_(config.width(), config.width()),
      to_add_out_(config.width(), config.width()),
      norm_q_(config.attention_head_dim, kQwenImageEps),
      norm_k_(config.attention_head_dim, kQwenImageEps),
      norm_added_q_(config.attention_head_dim, kQwenImageEps),
      norm_added_k_(config.attention_head_dim, kQwenImageEps) {
  add_child("norm_q", norm_q_);
  add_child("norm_k", norm_k_);
  add_child("to_q", to_q_);
  add_child("to_k", to_k_);
  add_child("to_v", to_v_);
  add_child("add_k_proj", add_k_proj_);
  add_child("add_v_proj", add_v_proj_);
  add_child("add_q_proj", add_q_proj_);
  add_child("to_out.0", to_out_);
  add_child("to_add_out", to_add_out_);
  add_child("norm_added_q", norm_added_q_);
  add_child("norm_added_k", norm_added_k_);
}

at::Tensor QwenImageAttention::heads_of(const nn::Linear& map, const at::Tensor& x) const {
  return map.forward(x).unflatten(-1, {heads_, -1});
}

PictureAndText QwenImageAttention::forward(PictureAndText x, const PictureAndText& rotary,
                                           const nn::Attention& attention,
                                           const PictureAndTextShards& shards,
                                           bool with_text) const {
  const std::int64_t tokens = x.text.size(1);
  at::Tensor q;
  if (with_text) {
    q = joined(heads_of(add_q_proj_, x.text), heads_of(to_q_, x.picture), norm_added_q_, norm_q_,
               rotary);
  } else {
    q = norm_q_.forward_(heads_of(to_q_, x.picture));
    apply_rotary_(q, rotary.picture);
  }
  at::Tensor k = joined(heads_of(add_k_proj_, x.text), heads_of(to_k_, x.picture), norm_added_k_,
                        norm_k_, rotary);
  at::Tensor v = at::cat({heads_of(add_v_proj_, x.text), heads_of(to_v_, x.picture)}, 1);
  x = {};
  for (at::Tensor* heads_second : {&q, &k, &v}) *heads_second = heads_second->transpose(1, 2);
  const at::Tensor attended =
      attention(std::move(q), std::move(k), std::move(v), of_sequence(shards, with_text))
          .transpose(1, 2)
          .flatten(2);
  if (!with_text) return {to_out_.forward(attended), {}};
  return {to_out_.forward(attended.narrow(1, tokens, attended.size(1) - tokens)),
          to_add_out_.forward(attended.narrow(1, 0, tokens))};
}

QwenImageTransformerBlock::QwenImageTransformerBlock(const QwenImageTransformer2DConfig& config)
    : attn_(config),
      img_mlp_(config.width(), config.ffn_dim()),
      txt_mlp_(config.width(), config.ffn_dim()) {
  add_child("attn", attn_);
  add_child("img_mlp", img_mlp_);
  add_child("txt_mlp", txt_mlp_);
}

void QwenImageTransformerBlock::forward(PictureAndText& hidden, const at::Tensor& modulation,
                                        const PictureAndText& rotary,
                                        const nn::Attention& attention,
                                        const PictureAndTextShards& shards, std::int64_t ffn_chunk,
                                        bool with_text) const {
  const auto picture = QwenImageModulationRows::from(modulation.narrow(0, 0, 6));
  const auto text = QwenImageModulationRows::from(modulation.narrow(0, 6, 6));
  const auto normed = [](const at::Tensor& x, const QwenImageModulationRows& by) {
    return nn::modulated_layer_norm(x, by.attention_scale, by.attention_shift, kQwenImageEps);
  };
  {
    const PictureAndText attended =
        attn_.forward({normed(hidden.picture, picture), normed(hidden.text, text)}, rotary,
                      attention, shards, with_text);
    nn::add_gated_(hidden.picture, attended.picture, picture.attention_gate);
    if (with_text) nn::add_gated_(hidden.text, attended.text, text.attention_gate);
  }
  img_mlp_.add_to(hidden.picture, picture.ffn_scale, picture.ffn_shift, picture.ffn_gate,
                  kQwenImageEps, ffn_chunk);
  keep_finite_(hidden.picture);
  if (!with_text) return;
  txt_mlp_.add_to(hidden.text, text.ffn_scale, text.ffn_shift, text.ffn_gate, kQwenImageEps,
                  ffn_chunk);
  keep_finite_(hidden.text);
}

}  // namespace chitu::models
