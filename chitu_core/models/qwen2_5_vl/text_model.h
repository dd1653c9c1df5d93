#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/memory/module.h"
#include "chitu_core/models/qwen2_5_vl/config.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/embedding.h"
#include "chitu_core/nn/linear.h"
#include "chitu_core/nn/norm.h"

namespace chitu::models {

/// What the layers share for prompts of one length: cosines and sines [L, head_dim] in the model's
/// dtype.
struct Qwen2_5_VLRotary {
  at::Tensor cos, sin;
};

/// Causal attention with rotary positions; several heads of queries share keys and values.
class Qwen2_5_VLAttention : public memory::Module {
 public:
  explicit Qwen2_5_VLAttention(const Qwen2_5_VLTextConfig& config);

  /// x [B, L, hidden_size], bias [1, 1, L, L] added to the scores; returns as x.
  at::Tensor forward(const at::Tensor& x, const Qwen2_5_VLRotary& rotary, const at::Tensor& bias,
                     const nn::Attention& attention) const;

 private:
  std::int64_t heads_, key_value_heads_;
  nn::Linear q_proj_, k_proj_, v_proj_, o_proj_;
};

/// One layer: attention, then the gated feed-forward. Each takes the normed hidden states and is
/// added to them.
class Qwen2_5_VLDecoderLayer : public memory::Module {
 public:
  explicit Qwen2_5_VLDecoderLayer(const Qwen2_5_VLTextConfig& config);

  /// As Qwen2_5_VLAttention::forward; returns the new hidden states.
  at::Tensor forward(const at::Tensor& hidden, const Qwen2_5_VLRotary& rotary,
                     const at::Tensor& bias, const nn::Attention& attention) const;

 private:
  nn::T5RmsNorm input_layernorm_;
  Qwen2_5_VLAttention self_attn_;
  nn::T5RmsNorm post_attention_layernorm_;
  nn::Linear gate_proj_, up_proj_, down_proj_;
};

/// The text model of Qwen2.5-VL: the text encoder of Qwen-Image. The vision tower and lm_head are
/// not loaded. Weights have the names of either generation of checkpoints: below `model.`, or below
/// `model.language_model.`
class Qwen2_5_VLTextModel : public memory::Module {
 public:
  explicit Qwen2_5_VLTextModel(const Qwen2_5_VLTextConfig& config);

  const Qwen2_5_VLTextConfig& config() const { return config_; }
  std::vector<std::pair<std::string, memory::Module*>> layers() override;
  std::vector<std::string> unused_prefixes() const override;

  /// The last hidden states, after the final norm. All prompts pass one layer before the next; each
  /// has the same bits as in a call of its own. A token does not see those after it.
  ///
  /// input_ids  per prompt [B, L] int64 without padding, 0 to vocab_size - 1, on the weights'
  /// device observer   gets the events of every layer returns    per prompt [B, L, hidden_size] in
  /// the weights' dtype throws     ShapeError; InputError for an id outside the vocabulary
  std::vector<at::Tensor> forward(const std::vector<at::Tensor>& input_ids,
                                  const nn::Attention& attention,
                                  memory::LayerObserver* observer = nullptr) const;

 private:
  /// State of one prompt between layers.
  struct Pass {
    at::Tensor hidden;
    Qwen2_5_VLRotary rotary;
    std::vector<at::Tensor> biases;  ///< of each layer; equal ones share a tensor
  };
  Pass begin(const at::Tensor& input_ids) const;

  Qwen2_5_VLTextConfig config_;
  nn::Embedding embed_tokens_;
  std::vector<std::unique_ptr<Qwen2_5_VLDecoderLayer>> layers_;
  nn::T5RmsNorm norm_;
};

}  // namespace chitu::models
