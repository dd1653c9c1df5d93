#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/memory/module.h"
#include "chitu_core/models/feed_forward.h"
#include "chitu_core/models/qwen_image/transformer_config.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/linear.h"
#include "chitu_core/nn/norm.h"
#include "chitu_core/parallel/sequence_shards.h"

namespace chitu::models {

/// Hidden states of a picture and of a prompt, [B, L, D] and [B, T, D], or what is computed from
/// them.
struct PictureAndText {
  at::Tensor picture;
  at::Tensor text;
};

/// How ranks share the tokens of a picture and of its prompt: each rank has a part of both.
struct PictureAndTextShards {
  const parallel::SequenceShards& picture;
  const parallel::SequenceShards& text;
};

/// Modulation of one of the two streams by the timestep, [1, 1, D] float32 each; a scale includes
/// its 1 +.
struct QwenImageModulationRows {
  at::Tensor attention_shift, attention_scale, attention_gate;
  at::Tensor ffn_shift, ffn_scale, ffn_gate;

  /// rows  [6, D], shift, scale, gate of the attention and of the feed-forward
  static QwenImageModulationRows from(const at::Tensor& rows);
};

/// Attention among the tokens of picture and prompt together; each has its own projections. Queries
/// and keys are normalised per head.
class QwenImageAttention : public memory::Module {
 public:
  explicit QwenImageAttention(const QwenImageTransformer2DConfig& config);

  /// x          normalised hidden states; freed early
  /// rotary     [L, head_dim / 2] and [T, head_dim / 2] complex64
  /// with_text  false computes nothing for the prompt: its `text` is undefined
  PictureAndText forward(PictureAndText x, const PictureAndText& rotary,
                         const nn::Attention& attention, const PictureAndTextShards& shards,
                         bool with_text) const;

 private:
  at::Tensor heads_of(const nn::Linear& map, const at::Tensor& x) const;

  std::int64_t heads_;
  nn::Linear to_q_, to_k_, to_v_, add_q_proj_, add_k_proj_, add_v_proj_, to_out_, to_add_out_;
  nn::RmsNorm norm_q_, norm_k_, norm_added_q_, norm_added_k_;
};

/// A block without its modulation, which QwenImageModulation has. Keys: attn, img_mlp, txt_mlp.
class QwenImageTransformerBlock : public memory::Module {
 public:
  explicit QwenImageTransformerBlock(const QwenImageTransformer2DConfig& config);

  /// Adds to the hidden states in place.
  ///
  /// modulation  [12, D]: 6 rows for the picture, 6 for the prompt
  /// with_text   false leaves the prompt as it is: nothing reads it after the last block
  void forward(PictureAndText& hidden, const at::Tensor& modulation, const PictureAndText& rotary,
               const nn::Attention& attention, const PictureAndTextShards& shards,
               std::int64_t ffn_chunk, bool with_text) const;

 private:
  QwenImageAttention attn_;
  FeedForward img_mlp_, txt_mlp_;
};

}  // namespace chitu::models
