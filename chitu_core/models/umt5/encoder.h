#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/memory/module.h"
#include "chitu_core/models/umt5/config.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/embedding.h"
#include "chitu_core/nn/linear.h"
#include "chitu_core/nn/norm.h"

namespace chitu::models {

/// The relative position bucket of every pair of positions, separate for both directions. Short
/// distances have a bucket each; long ones share buckets that widen logarithmically up to
/// max_distance.
///
/// returns  [length, length] int64 on the device: row = query, column = key
/// source   Raffel et al. 2020 (T5), arXiv:1910.10683, section 2.1
at::Tensor relative_position_buckets(std::int64_t length, const UMT5Config& config,
                                     c10::Device device);

/// Attention without the factor 1/sqrt(d), plus the bias of this layer's own position table.
class UMT5Attention : public memory::Module {
 public:
  explicit UMT5Attention(const UMT5Config& config);

  /// x        [B, L, d_model]
  /// buckets  [L, L] int64
  /// mask     [B, 1, 1, L] bool, false on padding keys; undefined = no padding
  at::Tensor forward(const at::Tensor& x, const at::Tensor& buckets, const at::Tensor& mask,
                     const nn::Attention& attention) const;

 private:
  std::int64_t heads_;
  nn::Linear q_, k_, v_, o_;
  nn::Embedding relative_attention_bias_;
};

/// One layer: self-attention, then the gated feed-forward. Each takes the normed hidden states and
/// is added to them.
class UMT5Block : public memory::Module {
 public:
  explicit UMT5Block(const UMT5Config& config);

  /// As UMT5Attention::forward; returns the new hidden states.
  at::Tensor forward(const at::Tensor& hidden, const at::Tensor& buckets, const at::Tensor& mask,
                     const nn::Attention& attention) const;

 private:
  nn::T5RmsNorm attention_norm_;
  UMT5Attention attention_;
  nn::T5RmsNorm ffn_norm_;
  nn::Linear wi_0_, wi_1_, wo_;
};

/// The text encoder of Wan.
class UMT5EncoderModel : public memory::Module {
 public:
  explicit UMT5EncoderModel(const UMT5Config& config);

  const UMT5Config& config() const { return config_; }
  std::vector<std::pair<std::string, memory::Module*>> layers() override;

  /// Weight names of the decoder, which is not loaded.
  std::vector<std::string> unused_prefixes() const override;

  /// input_ids       [B, L] int64, 0 to vocab_size - 1, on the weights' device
  /// attention_mask  [B, L], 0 on padding; undefined = no padding
  /// observer        gets the events of every layer
  /// returns         [B, L, d_model] in the weights' dtype; rows of padding are undefined
  /// throws          ShapeError if the shapes differ; InputError for an id outside the vocabulary
  at::Tensor forward(const at::Tensor& input_ids, const at::Tensor& attention_mask,
                     const nn::Attention& attention,
                     memory::LayerObserver* observer = nullptr) const;

  /// The transformer's input: the hidden states of the tokens, then rows of zeros.
  ///
  /// The reference masks padding keys; leaving padding out gives the same result in less time. All
  /// prompts pass one layer before the next. Each has the same bits as in a call of its own.
  ///
  /// input_ids  per prompt [B, n] int64 without padding
  /// rows       n or more
  /// returns    per prompt [B, rows, d_model] in the weights' dtype
  std::vector<at::Tensor> prompt_embeds(const std::vector<at::Tensor>& input_ids, std::int64_t rows,
                                        const nn::Attention& attention,
                                        memory::LayerObserver* observer = nullptr) const;

 private:
  /// State of one prompt between layers.
  struct Pass {
    at::Tensor hidden, buckets, mask;
  };
  Pass begin(const at::Tensor& input_ids, const at::Tensor& attention_mask) const;
  void run_layers(std::vector<Pass>& passes, const nn::Attention& attention,
                  memory::LayerObserver* observer) const;

  UMT5Config config_;
  nn::Embedding shared_;
  std::vector<std::unique_ptr<UMT5Block>> blocks_;
  nn::T5RmsNorm final_layer_norm_;
};

}  // namespace chitu::models
