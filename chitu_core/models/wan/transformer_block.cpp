#include "chitu_core/models/wan/transformer_block.h"

#include <ATen/ATen.h>

#include <utility>

namespace chitu::models {

WanTransformerBlock::WanTransformerBlock(const WanTransformer3DConfig& config)
    : eps_(config.eps),
      scale_shift_table_(
          add_parameter("scale_shift_table", {1, 6, config.width()}, memory::Precision::float32)),
      attn1_(config.width(), config.num_attention_heads, config.eps),
      attn2_(config.width(), config.num_attention_heads, config.eps),
      ffn_(config.width(), config.ffn_dim) {
  add_child("attn1", attn1_);
  add_child("attn2", attn2_);
  if (config.cross_attn_norm) add_child("norm2", norm2_.emplace(config.width(), config.eps));
  add_child("ffn", ffn_);
}

WanBlockModulation WanTransformerBlock::modulation(const at::Tensor& timestep_proj) const {
  const at::Tensor all = scale_shift_table_.tensor.add(timestep_proj);
  const auto row = [&](std::int64_t index) { return all.narrow(1, index, 1); };
  return {row(0), row(1).add_(1), row(2), row(3), row(4).add_(1), row(5)};
}

void WanTransformerBlock::self_attention(at::Tensor& hidden, const WanBlockModulation& modulation,
                                         const at::Tensor& rotary,
                                         const nn::Attention& attention) const {
  at::Tensor x = nn::modulated_layer_norm(hidden, modulation.attention_scale,
                                          modulation.attention_shift, eps_);
  nn::add_gated_(hidden, attn1_.attend_to_itself(std::move(x), rotary, attention),
                 modulation.attention_gate);
}

void WanTransformerBlock::cross_attention(at::Tensor& hidden, const KeysValues& text,
                                          const nn::Attention& attention) const {
  const at::Tensor x = norm2_ ? norm2_->forward(hidden) : hidden;
  hidden.add_(attn2_.attend_to_text(x, text, attention));
}

void WanTransformerBlock::feed_forward(at::Tensor& hidden, const WanBlockModulation& modulation,
                                       std::int64_t chunk_tokens) const {
  ffn_.add_to(hidden, modulation.ffn_scale, modulation.ffn_shift, modulation.ffn_gate, eps_,
              chunk_tokens);
}

}  // namespace chitu::models
