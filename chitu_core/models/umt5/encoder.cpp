#include "chitu_core/models/umt5/encoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>

#include "chitu_core/common/error.h"
#include "chitu_core/memory/layer_walk.h"
#include "chitu_core/models/input_ids.h"

namespace chitu::models {
namespace {

constexpr auto kNotFloat16 = memory::Precision::not_float16;

double lowest(at::ScalarType dtype) {
  if (dtype == at::kBFloat16) return std::numeric_limits<at::BFloat16>::lowest();
  if (dtype == at::kHalf) return std::numeric_limits<at::Half>::lowest();
  return std::numeric_limits<float>::lowest();
}

/// Float16 residuals may overflow: like the reference, clamp them below the largest finite number.
at::Tensor within_float16(const at::Tensor& hidden) {
  if (hidden.scalar_type() != at::kHalf) return hidden;
  const double largest = std::numeric_limits<at::Half>::max();
  const at::Tensor limit =
      at::where(hidden.isinf().any(), at::Scalar(largest - 1000), at::Scalar(largest))
          .to(at::kHalf);
  return at::clamp(hidden, limit.neg(), limit);
}

at::Tensor key_mask(const at::Tensor& attention_mask) {
  if (!attention_mask.defined()) return {};
  return attention_mask.to(at::kBool).unsqueeze(1).unsqueeze(1);
}

}  // namespace

at::Tensor relative_position_buckets(std::int64_t length, const UMT5Config& config,
                                     c10::Device device) {
  const std::int64_t half = config.relative_attention_num_buckets / 2;
  const std::int64_t exact = half / 2;  // each smaller distance has its own bucket
  const at::Tensor positions =
      at::arange(length, at::TensorOptions().dtype(at::kLong).device(device));
  const at::Tensor relative = positions.unsqueeze(0) - positions.unsqueeze(1);
  const at::Tensor distance = relative.abs();
  const double widths = std::log(static_cast<double>(config.relative_attention_max_distance) /
                                 static_cast<double>(exact));
  // In float32, as in the reference: float64 would move some distances to the neighbouring bucket.
  const at::Tensor far = distance.to(at::kFloat)
                             .div_(static_cast<double>(exact))
                             .log_()
                             .div_(widths)
                             .mul_(static_cast<double>(half - exact))
                             .to(at::kLong)
                             .add_(exact)
                             .clamp_max_(half - 1);
  return at::where(distance.lt(exact), distance, far).add_(relative.gt(0).to(at::kLong) * half);
}

UMT5Attention::UMT5Attention(const UMT5Config& config)
    : heads_(config.num_heads),
      q_(config.d_model, config.num_heads * config.d_kv, false),
      k_(config.d_model, config.num_heads * config.d_kv, false),
      v_(config.d_model, config.num_heads * config.d_kv, false),
      o_(config.num_heads * config.d_kv, config.d_model, false),
      relative_attention_bias_(config.relative_attention_num_buckets, config.num_heads) {
  add_child("q", q_);
  add_child("k", k_);
  add_child("v", v_);
  add_child("o", o_);
  add_child("relative_attention_bias", relative_attention_bias_);
}

at::Tensor UMT5Attention::forward(const at::Tensor& x, const at::Tensor& buckets,
                                  const at::Tensor& mask, const nn::Attention& attention) const {
  const auto heads = [&](const nn::Linear& map) {
    return map.forward(x).unflatten(-1, {heads_, -1}).transpose(1, 2);
  };
  at::Tensor bias = relative_attention_bias_.forward(buckets).permute({2, 0, 1}).unsqueeze(0);
  if (mask.defined()) bias = at::where(mask, bias, at::Scalar(lowest(bias.scalar_type())));
  const nn::AttentionOptions options{
      .kind = nn::AttentionKind::self, .bias = bias.contiguous(), .scale = 1.0};
  const at::Tensor out = attention(heads(q_), heads(k_), heads(v_), options);
  return o_.forward(out.transpose(1, 2).flatten(2));
}

UMT5Block::UMT5Block(const UMT5Config& config)
    : attention_norm_(config.d_model, config.layer_norm_epsilon),
      attention_(config),
      ffn_norm_(config.d_model, config.layer_norm_epsilon),
      wi_0_(config.d_model, config.d_ff, false),
      wi_1_(config.d_model, config.d_ff, false),
      wo_(config.d_ff, config.d_model, false, kNotFloat16) {
  add_child("layer.0.layer_norm", attention_norm_);
  add_child("layer.0.SelfAttention", attention_);
  add_child("layer.1.layer_norm", ffn_norm_);
  add_child("layer.1.DenseReluDense.wi_0", wi_0_);
  add_child("layer.1.DenseReluDense.wi_1", wi_1_);
  add_child("layer.1.DenseReluDense.wo", wo_);
}

at::Tensor UMT5Block::forward(const at::Tensor& hidden, const at::Tensor& buckets,
                              const at::Tensor& mask, const nn::Attention& attention) const {
  // Sums of mixed dtypes widen: beside float16, the float32 wo makes the residual float32.
  const at::Tensor attended = within_float16(
      hidden + attention_.forward(attention_norm_.forward(hidden), buckets, mask, attention));
  const at::Tensor x = ffn_norm_.forward(attended);
  at::Tensor gate = wi_0_.forward(x);
  at::gelu_(gate, "tanh").mul_(wi_1_.forward(x));
  return within_float16(attended + wo_.forward(gate));
}

UMT5EncoderModel::UMT5EncoderModel(const UMT5Config& config)
    : config_(config),
      shared_(config.vocab_size, config.d_model, nn::Embedding::Rows::few),
      final_layer_norm_(config.d_model, config.layer_norm_epsilon) {
  // The reference ties the two tensors only if their values are equal, and reads the second.
  shared_.set_overriding_name("encoder.embed_tokens.weight");
  add_child("shared", shared_);
  for (std::int64_t index = 0; index < config.num_layers; ++index) {
    blocks_.push_back(std::make_unique<UMT5Block>(config));
    add_child(fmt::format("encoder.block.{}", index), *blocks_.back());
  }
  add_child("encoder.final_layer_norm", final_layer_norm_);
}

std::vector<std::string> UMT5EncoderModel::unused_prefixes() const {
  return {"decoder.", "lm_head."};
}

std::vector<std::pair<std::string, memory::Module*>> UMT5EncoderModel::layers() {
  std::vector<std::pair<std::string, memory::Module*>> layers;
  for (std::size_t index = 0; index < blocks_.size(); ++index)
    layers.emplace_back(fmt::format("encoder.block.{}", index), blocks_[index].get());
  return layers;
}

UMT5EncoderModel::Pass UMT5EncoderModel::begin(const at::Tensor& input_ids,
                                               const at::Tensor& attention_mask) const {
  check_input_ids(input_ids, config_.vocab_size);
  if (attention_mask.defined() && attention_mask.sizes() != input_ids.sizes())
    throw ShapeError(fmt::format("attention_mask is [{}], input_ids are [{}]",
                                 fmt::join(attention_mask.sizes(), ", "),
                                 fmt::join(input_ids.sizes(), ", ")));
  return {shared_.forward(input_ids),
          relative_position_buckets(input_ids.size(1), config_, input_ids.device()),
          key_mask(attention_mask)};
}

void UMT5EncoderModel::run_layers(std::vector<Pass>& passes, const nn::Attention& attention,
                                  memory::LayerObserver* observer) const {
  memory::LayerWalk walk(observer);
  for (const auto& block : blocks_)
    walk.layer(*block, {}, [&] {
      for (Pass& pass : passes)
        pass.hidden = block->forward(pass.hidden, pass.buckets, pass.mask, attention);
    });
}

at::Tensor UMT5EncoderModel::forward(const at::Tensor& input_ids, const at::Tensor& attention_mask,
                                     const nn::Attention& attention,
                                     memory::LayerObserver* observer) const {
  std::vector<Pass> passes{begin(input_ids, attention_mask)};
  run_layers(passes, attention, observer);
  return final_layer_norm_.forward(passes[0].hidden);
}

std::vector<at::Tensor> UMT5EncoderModel::prompt_embeds(const std::vector<at::Tensor>& input_ids,
                                                        std::int64_t rows,
                                                        const nn::Attention& attention,
                                                        memory::LayerObserver* observer) const {
  std::vector<Pass> passes;
  for (const at::Tensor& ids : input_ids) {
    passes.push_back(begin(ids, {}));
    if (rows < ids.size(1))
      throw ShapeError(
          fmt::format("prompt_embeds of {} rows cannot hold {} tokens", rows, ids.size(1)));
  }
  run_layers(passes, attention, observer);
  std::vector<at::Tensor> embeds;
  for (const Pass& pass : passes) {
    const at::Tensor hidden = final_layer_norm_.forward(pass.hidden);
    embeds.push_back(at::constant_pad_nd(hidden, {0, 0, 0, rows - hidden.size(1)}));
  }
  return embeds;
}

}  // namespace chitu::models
