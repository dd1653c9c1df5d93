#include "chitu_core/models/qwen2_5_vl/text_model.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <limits>
#include <map>
#include <optional>

#include "chitu_core/memory/layer_walk.h"
#include "chitu_core/models/input_ids.h"

namespace chitu::models {
namespace {

/// Positions of text are equal for frame, row and column, so the sections of a head turn alike.
Qwen2_5_VLRotary rotary_of(std::int64_t length, const Qwen2_5_VLTextConfig& config,
                           const at::Tensor& hidden) {
  const auto floats = at::TensorOptions().dtype(at::kFloat).device(hidden.device());
  const at::Tensor exponents =
      at::arange(0, config.head_dim(), 2, floats).div_(static_cast<double>(config.head_dim()));
  const at::Tensor frequencies = at::pow(at::Scalar(config.rope_theta), exponents).reciprocal_();
  const at::Tensor angles = at::outer(at::arange(length, floats), frequencies);
  const at::Tensor both = at::cat({angles, angles}, -1);
  return {both.cos().to(hidden.scalar_type()), both.sin().to(hidden.scalar_type())};
}

/// [1, 1, L, L]: minus infinity where a token does not see another.
at::Tensor causal_bias(std::int64_t length, std::optional<std::int64_t> window,
                       const at::TensorOptions& options) {
  const at::Tensor places = at::arange(length, options.dtype(at::kLong));
  const at::Tensor back = places.unsqueeze(1) - places.unsqueeze(0);
  at::Tensor hidden = back.lt(0);
  if (window) hidden.logical_or_(back.ge(*window));
  return at::zeros({1, 1, length, length}, options)
      .masked_fill_(hidden, -std::numeric_limits<double>::infinity());
}

/// x [B, heads, L, head_dim]; the halves of a head are the two coordinates that turn.
at::Tensor turned(const at::Tensor& x, const Qwen2_5_VLRotary& rotary) {
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor crossed = at::cat({x.narrow(-1, half, half).neg(), x.narrow(-1, 0, half)}, -1);
  return x.mul(rotary.cos).add_(crossed.mul(rotary.sin));
}

}  // namespace

Qwen2_5_VLAttention::Qwen2_5_VLAttention(const Qwen2_5_VLTextConfig& config)
    : heads_(config.num_attention_heads),
      key_value_heads_(config.num_key_value_heads),
      q_proj_(config.hidden_size, config.hidden_size),
      k_proj_(config.hidden_size, config.num_key_value_heads * config.head_dim()),
      v_proj_(config.hidden_size, config.num_key_value_heads * config.head_dim()),
      o_proj_(config.hidden_size, config.hidden_size, false) {
  add_child("q_proj", q_proj_);
  add_child("k_proj", k_proj_);
  add_child("v_proj", v_proj_);
  add_child("o_proj", o_proj_);
}

at::Tensor Qwen2_5_VLAttention::forward(const at::Tensor& x, const Qwen2_5_VLRotary& rotary,
                                        const at::Tensor& bias,
                                        const nn::Attention& attention) const {
  const auto heads_of = [&](const nn::Linear& map, std::int64_t heads) {
    return map.forward(x).unflatten(-1, {heads, -1}).transpose(1, 2);
  };
  const auto for_all_heads = [&](const at::Tensor& shared) {
    return shared.unsqueeze(2).expand({-1, -1, heads_ / key_value_heads_, -1, -1}).flatten(1, 2);
  };
  const at::Tensor q = turned(heads_of(q_proj_, heads_), rotary);
  const at::Tensor k = for_all_heads(turned(heads_of(k_proj_, key_value_heads_), rotary));
  const at::Tensor v = for_all_heads(heads_of(v_proj_, key_value_heads_));
  const nn::AttentionOptions options{
      .kind = nn::AttentionKind::self, .bias = bias, .scale = std::nullopt};
  return o_proj_.forward(attention(q, k, v, options).transpose(1, 2).flatten(2));
}

Qwen2_5_VLDecoderLayer::Qwen2_5_VLDecoderLayer(const Qwen2_5_VLTextConfig& config)
    : input_layernorm_(config.hidden_size, config.rms_norm_eps),
      self_attn_(config),
      post_attention_layernorm_(config.hidden_size, config.rms_norm_eps),
      gate_proj_(config.hidden_size, config.intermediate_size, false),
      up_proj_(config.hidden_size, config.intermediate_size, false),
      down_proj_(config.intermediate_size, config.hidden_size, false) {
  add_child("input_layernorm", input_layernorm_);
  add_child("self_attn", self_attn_);
  add_child("post_attention_layernorm", post_attention_layernorm_);
  add_child("mlp.gate_proj", gate_proj_);
  add_child("mlp.up_proj", up_proj_);
  add_child("mlp.down_proj", down_proj_);
}

at::Tensor Qwen2_5_VLDecoderLayer::forward(const at::Tensor& hidden, const Qwen2_5_VLRotary& rotary,
                                           const at::Tensor& bias,
                                           const nn::Attention& attention) const {
  const at::Tensor attended =
      hidden + self_attn_.forward(input_layernorm_.forward(hidden), rotary, bias, attention);
  const at::Tensor x = post_attention_layernorm_.forward(attended);
  at::Tensor gate = gate_proj_.forward(x);
  at::silu_(gate).mul_(up_proj_.forward(x));
  return attended + down_proj_.forward(gate);
}

Qwen2_5_VLTextModel::Qwen2_5_VLTextModel(const Qwen2_5_VLTextConfig& config)
    : config_(config),
      embed_tokens_(config.vocab_size, config.hidden_size, nn::Embedding::Rows::few),
      norm_(config.hidden_size, config.rms_norm_eps) {
  add_child("model.embed_tokens", embed_tokens_);
  for (std::int64_t index = 0; index < config.num_hidden_layers; ++index) {
    layers_.push_back(std::make_unique<Qwen2_5_VLDecoderLayer>(config));
    add_child(fmt::format("model.layers.{}", index), *layers_.back());
  }
  add_child("model.norm", norm_);
  const std::string prefix = "model.";
  visit_parameters([&](const std::string& name, memory::Parameter& parameter) {
    parameter.overriding_name = "model.language_model." + name.substr(prefix.size());
  });
}

std::vector<std::pair<std::string, memory::Module*>> Qwen2_5_VLTextModel::layers() {
  std::vector<std::pair<std::string, memory::Module*>> layers;
  for (std::size_t index = 0; index < layers_.size(); ++index)
    layers.emplace_back(fmt::format("model.layers.{}", index), layers_[index].get());
  return layers;
}

std::vector<std::string> Qwen2_5_VLTextModel::unused_prefixes() const {
  return {"visual.", "model.visual.", "lm_head."};
}

Qwen2_5_VLTextModel::Pass Qwen2_5_VLTextModel::begin(const at::Tensor& input_ids) const {
  check_input_ids(input_ids, config_.vocab_size);
  const std::int64_t length = input_ids.size(1);
  Pass pass{embed_tokens_.forward(input_ids), {}, {}};
  pass.rotary = rotary_of(length, config_, pass.hidden);
  std::map<std::optional<std::int64_t>, at::Tensor> biases;
  for (const auto& window : config_.windows) {
    at::Tensor& bias = biases[window];
    if (!bias.defined()) bias = causal_bias(length, window, pass.hidden.options());
    pass.biases.push_back(bias);
  }
  return pass;
}

std::vector<at::Tensor> Qwen2_5_VLTextModel::forward(const std::vector<at::Tensor>& input_ids,
                                                     const nn::Attention& attention,
                                                     memory::LayerObserver* observer) const {
  std::vector<Pass> passes;
  for (const at::Tensor& ids : input_ids) passes.push_back(begin(ids));
  memory::LayerWalk walk(observer);
  for (std::size_t i = 0; i < layers_.size(); ++i)
    walk.layer(*layers_[i], {}, [&] {
      for (Pass& pass : passes)
        pass.hidden = layers_[i]->forward(pass.hidden, pass.rotary, pass.biases[i], attention);
    });
  std::vector<at::Tensor> states;
  for (const Pass& pass : passes) states.push_back(norm_.forward(pass.hidden));
  return states;
}

}  // namespace chitu::models
