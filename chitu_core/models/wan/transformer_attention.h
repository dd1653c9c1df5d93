#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "chitu_core/memory/module.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/linear.h"
#include "chitu_core/nn/norm.h"
#include "chitu_core/parallel/sequence_shards.h"

namespace chitu::models {

/// Keys and values of one attention, [B, heads, L, head_dim] each.
struct KeysValues {
  at::Tensor keys;
  at::Tensor values;
};

/// One attention of a Wan block: self-attention, or cross-attention to the prompt. Queries and keys
/// are normalised over the full width, before the split into heads.
///
/// An image-to-video model with an image encoder has keys and values for its rows as well:
/// add_k_proj, add_v_proj, norm_added_k.
class WanAttention : public memory::Module {
 public:
  WanAttention(std::int64_t width, std::int64_t heads, double eps, bool sees_images = false);

  /// x [B, L, D], rotary [L, head_dim / 2] complex64; returns [B, L, D].
  ///
  /// shards  how ranks share the sequence, of which x has the rows of this rank
  at::Tensor attend_to_itself(at::Tensor x, const at::Tensor& rotary,
                              const nn::Attention& attention,
                              const parallel::SequenceShards& shards) const;

  /// text [B, L, D]: the keys and values of the prompt, the same at every step.
  KeysValues keys_values(const at::Tensor& text) const;
  /// The same for the rows of an image, [B, N, D]. Only where the model sees images.
  KeysValues image_keys_values(const at::Tensor& image) const;
  /// x [B, L, D]; attends to all rows of the prompt, padding included, and to those of the image if
  /// there is one: the two results are added. Returns [B, L, D].
  at::Tensor attend_to_text(const at::Tensor& x, const KeysValues& text, const KeysValues& image,
                            const nn::Attention& attention) const;

 private:
  at::Tensor split_heads(const at::Tensor& x) const;
  at::Tensor join_heads(const at::Tensor& x) const;

  std::int64_t heads_;
  nn::Linear to_q_, to_k_, to_v_, to_out_;
  nn::RmsNorm norm_q_, norm_k_;
  /// The maps for the rows of an image.
  struct ImageMaps {
    ImageMaps(std::int64_t width, double eps)
        : add_k_proj(width, width), add_v_proj(width, width), norm_added_k(width, eps) {}
    nn::Linear add_k_proj, add_v_proj;
    nn::RmsNorm norm_added_k;
  };
  std::unique_ptr<ImageMaps> image_;
};

}  // namespace chitu::models
