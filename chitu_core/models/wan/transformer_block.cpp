#include "chitu_core/models/wan/transformer_block.h"

#include <ATen/ATen.h>

#include <utility>

namespace chitu::models {

WanTransformerBlock::WanTransformerBlock(const WanTransformer3DConfig& config)
    : eps_(config.eps),
      scale_shift_table_(
          add_parameter("scale_shift_table", {1, 6, config.width()}, memory::Precision::float32)),
      attn1_(config.width(), config.num_attention_heads, config.eps),
      attn2_(config.width(), config.num_attention_heads, config.eps, config.image_dim.has_value()),
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

void WanTransformerBlock::self_attention(at::Tensor& hidden, const WanTokenRuns& runs,
                                         const at::Tensor& rotary, const nn::Attention& attention,
                                         const parallel::SequenceShards& shards) const {
  std::vector<nn::ModulatedRows> rows;
  for (const auto& [start, count, modulation] : runs)
    rows.push_back({start, count, modulation.attention_scale, modulation.attention_shift});
  at::Tensor x = nn::modulated_layer_norm(hidden, rows, eps_);
  const at::Tensor attended = attn1_.attend_to_itself(std::move(x), rotary, attention, shards);
  for (const auto& [start, count, modulation] : runs) {
    at::Tensor part = hidden.narrow(1, start, count);
    nn::add_gated_(part, attended.narrow(1, start, count), modulation.attention_gate);
  }
}

void WanTransformerBlock::cross_attention(at::Tensor& hidden, const KeysValues& text,
                                          const KeysValues& image,
                                          const nn::Attention& attention) const {
  const at::Tensor x = norm2_ ? norm2_->forward(hidden) : hidden;
  hidden.add_(attn2_.attend_to_text(x, text, image, attention));
}

void WanTransformerBlock::feed_forward(at::Tensor& hidden, const WanTokenRuns& runs,
                                       std::int64_t chunk_tokens) const {
  for (const auto& [start, count, modulation] : runs) {
    at::Tensor run = hidden.narrow(1, start, count);
    ffn_.add_to(run, modulation.ffn_scale, modulation.ffn_shift, modulation.ffn_gate, eps_,
                chunk_tokens);
  }
}

}  // namespace chitu::models
