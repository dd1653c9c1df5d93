#include "chitu_core/models/wan/transformer_image.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "chitu_core/common/error.h"

namespace chitu::models {
namespace {

constexpr double kEps = 1e-5;

}  // namespace

WanImageEmbedding::WanImageEmbedding(const WanTransformer3DConfig& config)
    : norm1_(*config.image_dim, kEps),
      in_(*config.image_dim, *config.image_dim),
      out_(*config.image_dim, config.width()),
      norm2_(config.width(), kEps) {
  add_child("norm1", norm1_);
  add_child("ff.net.0.proj", in_);
  add_child("ff.net.2", out_);
  add_child("norm2", norm2_);
  if (config.pos_embed_seq_len)
    pos_embed_ = &add_parameter("pos_embed", {1, *config.pos_embed_seq_len, *config.image_dim});
}

at::Tensor WanImageEmbedding::forward(const at::Tensor& image_embeds) const {
  at::Tensor x = image_embeds.to(in_.dtype());
  if (pos_embed_) {
    if (x.size(1) != pos_embed_->shape[1])
      throw ShapeError(fmt::format("the transformer takes {} rows of images, got {}",
                                   pos_embed_->shape[1], x.size(1)));
    x = x + pos_embed_->tensor;
  }
  at::Tensor middle = in_.forward(norm1_.forward(x));
  return norm2_.forward(out_.forward(at::gelu_(middle)));
}

}  // namespace chitu::models
