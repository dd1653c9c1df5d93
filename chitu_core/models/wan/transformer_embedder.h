#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <memory>

#include "chitu_core/memory/module.h"
#include "chitu_core/models/wan/transformer_config.h"
#include "chitu_core/models/wan/transformer_image.h"
#include "chitu_core/nn/linear.h"
#include "chitu_core/parallel/sequence_shards.h"

namespace chitu::models {

/// The patch embedding: a convolution whose kernel is as large as its stride. Keys: weight [D, C,
/// pt, ph, pw], bias [D].
class WanPatchEmbedding : public memory::Module {
 public:
  explicit WanPatchEmbedding(const WanTransformer3DConfig& config);

  /// latents [B, C, F, H, W], cast to the weight's dtype; returns [B, tokens, D], tokens in the
  /// order frame, row, column; only the tokens of this rank if ranks share them.
  at::Tensor forward(const at::Tensor& latents, const parallel::SequenceShards& shards) const;

 private:
  std::array<std::int64_t, 3> patch_;
  memory::Parameter& weight_;
  memory::Parameter& bias_;
};

/// Two linear maps with an activation in between. Keys: linear_1, linear_2.
struct TwoLinear : memory::Module {
  TwoLinear(std::int64_t in, std::int64_t out,
            memory::Precision precision = memory::Precision::follow);
  nn::Linear linear_1, linear_2;
};

/// The embedded timestep.
struct WanTimeContext {
  at::Tensor temb;           ///< [1, D] in the model's dtype, for the output head
  at::Tensor timestep_proj;  ///< [1, 6, D] float32: for the blocks
};

/// Timestep, prompt and image embeddings. Keys: time_embedder, time_proj, text_embedder, and
/// image_embedder where the config has image_dim.
class WanTimeTextEmbedding : public memory::Module {
 public:
  explicit WanTimeTextEmbedding(const WanTransformer3DConfig& config);

  /// The time embedder computes in float32, the projection in the model's dtype.
  WanTimeContext time(double timestep, c10::Device device) const;
  /// prompt_embeds [B, L, text_dim]; returns [B, L, D] in the model's dtype.
  at::Tensor text(const at::Tensor& prompt_embeds) const;
  /// image_embeds [B, N, image_dim]; returns [B, N, D] in the model's dtype.
  at::Tensor image(const at::Tensor& image_embeds) const {
    return image_embedder_->forward(image_embeds);
  }

 private:
  std::int64_t freq_dim_;
  TwoLinear time_embedder_;
  nn::Linear time_proj_;
  TwoLinear text_embedder_;
  std::unique_ptr<WanImageEmbedding> image_embedder_;
};

}  // namespace chitu::models
