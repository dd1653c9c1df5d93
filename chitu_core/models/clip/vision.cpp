#include "chitu_core/models/clip/vision.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

#include "chitu_core/common/error.h"
#include "chitu_core/memory/layer_walk.h"
#include "chitu_core/nn/products.h"

namespace chitu::models {
namespace {

/// Files have all names with this prefix, or none.
constexpr std::string_view kPrefix = "vision_model.";

std::string layer_name(std::int64_t index) {
  return fmt::format("{}encoder.layers.{}", kPrefix, index);
}

}  // namespace

CLIPVisionEmbeddings::CLIPVisionEmbeddings(const CLIPVisionConfig& config)
    : patch_(config.patch_size),
      class_embedding_(add_parameter("class_embedding", {config.hidden_size})),
      patch_embedding_(add_parameter(
          "patch_embedding.weight", {config.hidden_size, 3, config.patch_size, config.patch_size})),
      position_embedding_(
          add_parameter("position_embedding.weight", {config.positions(), config.hidden_size})) {}

at::Tensor CLIPVisionEmbeddings::forward(const at::Tensor& pixel_values) const {
  // Patches do not overlap, so the convolution is a linear map of each patch. Pixels that fill no
  // patch are left out.
  const std::int64_t side = pixel_values.size(2) / patch_;
  const at::Tensor patches = pixel_values.narrow(2, 0, side * patch_)
                                 .narrow(3, 0, side * patch_)
                                 .to(patch_embedding_.tensor.scalar_type())
                                 .unflatten(3, {side, patch_})
                                 .unflatten(2, {side, patch_})
                                 .permute({0, 2, 4, 1, 3, 5})
                                 .flatten(3)
                                 .flatten(1, 2);
  const at::Tensor rows = nn::linear_map(patches, patch_embedding_.tensor.flatten(1), {});
  const at::Tensor whole = class_embedding_.tensor.expand({rows.size(0), 1, -1});
  return at::cat({whole, rows}, 1).add_(position_embedding_.tensor);
}

CLIPEncoderLayer::CLIPEncoderLayer(const CLIPVisionConfig& config)
    : heads_(config.num_attention_heads),
      activation_(config.hidden_act),
      q_proj_(config.hidden_size, config.hidden_size),
      k_proj_(config.hidden_size, config.hidden_size),
      v_proj_(config.hidden_size, config.hidden_size),
      out_proj_(config.hidden_size, config.hidden_size),
      layer_norm1_(config.hidden_size, config.layer_norm_eps),
      fc1_(config.hidden_size, config.intermediate_size),
      fc2_(config.intermediate_size, config.hidden_size),
      layer_norm2_(config.hidden_size, config.layer_norm_eps) {
  add_child("self_attn.q_proj", q_proj_);
  add_child("self_attn.k_proj", k_proj_);
  add_child("self_attn.v_proj", v_proj_);
  add_child("self_attn.out_proj", out_proj_);
  add_child("layer_norm1", layer_norm1_);
  add_child("mlp.fc1", fc1_);
  add_child("mlp.fc2", fc2_);
  add_child("layer_norm2", layer_norm2_);
}

at::Tensor CLIPEncoderLayer::attend(const at::Tensor& x, const nn::Attention& attention) const {
  const auto heads = [&](const nn::Linear& map) {
    return map.forward(x).unflatten(-1, {heads_, -1}).transpose(1, 2);
  };
  return out_proj_.forward(
      attention(heads(q_proj_), heads(k_proj_), heads(v_proj_)).transpose(1, 2).flatten(2));
}

at::Tensor CLIPEncoderLayer::activate(at::Tensor x) const {
  if (activation_ == "quick_gelu") return x.mul_(at::sigmoid(x * 1.702));
  return at::gelu_(x, activation_ == "gelu" ? "none" : "tanh");
}

at::Tensor CLIPEncoderLayer::forward(const at::Tensor& hidden,
                                     const nn::Attention& attention) const {
  const at::Tensor attended = attend(layer_norm1_.forward(hidden), attention).add_(hidden);
  return fc2_.forward(activate(fc1_.forward(layer_norm2_.forward(attended)))).add_(attended);
}

CLIPVisionModel::CLIPVisionModel(const CLIPVisionConfig& config)
    : config_(config),
      embeddings_(config),
      pre_layrnorm_(config.hidden_size, config.layer_norm_eps) {
  add_child(fmt::format("{}embeddings", kPrefix), embeddings_);
  add_child(fmt::format("{}pre_layrnorm", kPrefix), pre_layrnorm_);
  for (std::int64_t index = 0; index + 1 < config.num_hidden_layers; ++index) {
    layers_.push_back(std::make_unique<CLIPEncoderLayer>(config));
    add_child(layer_name(index), *layers_.back());
  }
  visit_parameters([](const std::string& name, memory::Parameter& parameter) {
    parameter.overriding_name = name.substr(kPrefix.size());
  });
}

std::vector<std::pair<std::string, memory::Module*>> CLIPVisionModel::layers() {
  std::vector<std::pair<std::string, memory::Module*>> layers;
  for (std::size_t index = 0; index < layers_.size(); ++index)
    layers.emplace_back(layer_name(static_cast<std::int64_t>(index)), layers_[index].get());
  return layers;
}

std::vector<std::string> CLIPVisionModel::unused_prefixes() const {
  const std::string last = layer_name(config_.num_hidden_layers - 1) + ".";
  std::vector<std::string> prefixes{"visual_projection.", "text_model.", "text_projection.",
                                    "logit_scale"};
  for (const std::string& name : {last, fmt::format("{}post_layernorm.", kPrefix),
                                  fmt::format("{}embeddings.position_ids", kPrefix)}) {
    prefixes.push_back(name);
    prefixes.push_back(name.substr(kPrefix.size()));
  }
  return prefixes;
}

at::Tensor CLIPVisionModel::embed(const at::Tensor& pixel_values) const {
  const std::int64_t side = config_.image_size;
  if (pixel_values.dim() != 4 || pixel_values.sizes().slice(1) != at::IntArrayRef{3, side, side})
    throw ShapeError(fmt::format("the image encoder takes pixel_values [N, 3, {}, {}], got [{}]",
                                 side, side, fmt::join(pixel_values.sizes(), ", ")));
  return pre_layrnorm_.forward(embeddings_.forward(pixel_values));
}

at::Tensor CLIPVisionModel::forward(const at::Tensor& pixel_values, const nn::Attention& attention,
                                    memory::LayerObserver* observer) const {
  return forward(std::vector<at::Tensor>{pixel_values}, attention, observer).front();
}

std::vector<at::Tensor> CLIPVisionModel::forward(const std::vector<at::Tensor>& pixel_values,
                                                 const nn::Attention& attention,
                                                 memory::LayerObserver* observer) const {
  std::vector<at::Tensor> hidden;
  for (const at::Tensor& input : pixel_values) hidden.push_back(embed(input));
  memory::LayerWalk walk(observer);
  for (const auto& layer : layers_)
    walk.layer(*layer, {}, [&] {
      for (at::Tensor& states : hidden) states = layer->forward(states, attention);
    });
  return hidden;
}

}  // namespace chitu::models
