#include "chitu_core/models/wan/transformer_embedder.h"

#include <ATen/ATen.h>

#include "chitu_core/nn/embedding.h"
#include "chitu_core/nn/products.h"

namespace chitu::models {

WanPatchEmbedding::WanPatchEmbedding(const WanTransformer3DConfig& config)
    : patch_(config.patch_size),
      weight_(add_parameter("weight",
                            {config.width(), config.in_channels, patch_[0], patch_[1], patch_[2]})),
      bias_(add_parameter("bias", {config.width()})) {}

at::Tensor WanPatchEmbedding::forward(const at::Tensor& latents,
                                      const parallel::SequenceShards& shards) const {
  const auto [pt, ph, pw] = patch_;
  // Patches do not overlap, so the convolution is a linear map of each patch.
  const at::Tensor patches = latents.to(weight_.tensor.scalar_type())
                                 .unflatten(4, {-1, pw})
                                 .unflatten(3, {-1, ph})
                                 .unflatten(2, {-1, pt})
                                 .permute({0, 2, 4, 6, 1, 3, 5, 7})
                                 .flatten(4)
                                 .flatten(1, 3);
  return nn::linear_map(shards.shard(patches, 1), weight_.tensor.flatten(1), bias_.tensor);
}

TwoLinear::TwoLinear(std::int64_t in, std::int64_t out, memory::Precision precision)
    : linear_1(in, out, true, precision), linear_2(out, out, true, precision) {
  add_child("linear_1", linear_1);
  add_child("linear_2", linear_2);
}

WanTimeTextEmbedding::WanTimeTextEmbedding(const WanTransformer3DConfig& config)
    : freq_dim_(config.freq_dim),
      time_embedder_(config.freq_dim, config.width(), memory::Precision::float32),
      time_proj_(config.width(), 6 * config.width()),
      text_embedder_(config.text_dim, config.width()) {
  add_child("time_embedder", time_embedder_);
  add_child("time_proj", time_proj_);
  add_child("text_embedder", text_embedder_);
  if (!config.image_dim) return;
  image_embedder_ = std::make_unique<WanImageEmbedding>(config);
  add_child("image_embedder", *image_embedder_);
}

WanTimeContext WanTimeTextEmbedding::time(double timestep, c10::Device device) const {
  at::Tensor middle =
      time_embedder_.linear_1.forward(nn::timestep_embedding(timestep, freq_dim_, device));
  const at::Tensor temb = time_embedder_.linear_2.forward(at::silu_(middle)).to(time_proj_.dtype());
  const at::Tensor projected = time_proj_.forward(at::silu(temb));
  return {temb, projected.unflatten(-1, {6, -1}).to(at::kFloat)};
}

at::Tensor WanTimeTextEmbedding::text(const at::Tensor& prompt_embeds) const {
  at::Tensor middle = text_embedder_.linear_1.forward(prompt_embeds);
  return text_embedder_.linear_2.forward(at::gelu_(middle, "tanh"));
}

}  // namespace chitu::models
