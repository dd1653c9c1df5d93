#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "chitu_core/memory/module.h"
#include "chitu_core/models/feed_forward.h"
#include "chitu_core/models/wan/transformer_attention.h"
#include "chitu_core/models/wan/transformer_config.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/linear.h"
#include "chitu_core/nn/norm.h"

namespace chitu::models {

/// Modulation of one block by the timestep, [B, 1, D] float32 each; a scale includes its 1 +.
struct WanBlockModulation {
  at::Tensor attention_shift, attention_scale, attention_gate;
  at::Tensor ffn_shift, ffn_scale, ffn_gate;
};

/// Tokens in a row that have the same timestep.
struct WanTokenRun {
  std::int64_t start, count;
  WanBlockModulation modulation;
};
/// Runs that cover every token once.
using WanTokenRuns = std::vector<WanTokenRun>;

/// Self-attention, cross-attention and feed-forward, each added in place to the hidden states [B,
/// L, D].
class WanTransformerBlock : public memory::Module {
 public:
  explicit WanTransformerBlock(const WanTransformer3DConfig& config);

  /// timestep_proj [B, 6, D] float32.
  WanBlockModulation modulation(const at::Tensor& timestep_proj) const;
  KeysValues keys_values(const at::Tensor& text) const { return attn2_.keys_values(text); }
  KeysValues image_keys_values(const at::Tensor& image) const {
    return attn2_.image_keys_values(image);
  }

  /// shards  how ranks share the tokens; hidden, runs and rotary are of this rank's
  void self_attention(at::Tensor& hidden, const WanTokenRuns& runs, const at::Tensor& rotary,
                      const nn::Attention& attention, const parallel::SequenceShards& shards) const;
  /// image  undefined keys = none
  void cross_attention(at::Tensor& hidden, const KeysValues& text, const KeysValues& image,
                       const nn::Attention& attention) const;
  /// chunk_tokens bounds how many tokens are in the hidden layer at once; 0 = all.
  void feed_forward(at::Tensor& hidden, const WanTokenRuns& runs, std::int64_t chunk_tokens) const;

 private:
  double eps_;
  memory::Parameter& scale_shift_table_;
  WanAttention attn1_, attn2_;
  std::optional<nn::LayerNorm> norm2_;
  FeedForward ffn_;
};

}  // namespace chitu::models
