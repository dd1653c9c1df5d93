#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/memory/module.h"
#include "chitu_core/models/wan/transformer_config.h"
#include "chitu_core/nn/linear.h"
#include "chitu_core/nn/norm.h"

namespace chitu::models {

/// Maps the hidden states of the image encoder to the transformer's width. Keys: norm1,
/// ff.net.0.proj, ff.net.2, norm2, and pos_embed where the config has pos_embed_seq_len.
class WanImageEmbedding : public memory::Module {
 public:
  /// config  with image_dim
  explicit WanImageEmbedding(const WanTransformer3DConfig& config);

  /// image_embeds  [B, N, image_dim], the rows of all images
  /// returns       [B, N, D] in the weights' dtype
  /// throws        ShapeError if the rows are not the positions of pos_embed
  at::Tensor forward(const at::Tensor& image_embeds) const;

 private:
  nn::LayerNorm norm1_;
  nn::Linear in_, out_;
  nn::LayerNorm norm2_;
  memory::Parameter* pos_embed_ = nullptr;  ///< a position for each row of the two images
};

}  // namespace chitu::models
