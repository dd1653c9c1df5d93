#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/memory/module.h"
#include "chitu_core/models/clip/config.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/embedding.h"
#include "chitu_core/nn/linear.h"
#include "chitu_core/nn/norm.h"

namespace chitu::models {

/// The patches of a picture, one row for the whole picture before them, and a learned position
/// each. Keys: class_embedding, patch_embedding.weight, position_embedding.weight.
class CLIPVisionEmbeddings : public memory::Module {
 public:
  explicit CLIPVisionEmbeddings(const CLIPVisionConfig& config);

  /// pixel_values [N, 3, image_size, image_size]; returns [N, positions, D] in the weights' dtype.
  at::Tensor forward(const at::Tensor& pixel_values) const;

 private:
  std::int64_t patch_;
  memory::Parameter& class_embedding_;
  memory::Parameter& patch_embedding_;
  memory::Parameter& position_embedding_;
};

/// Self-attention and an MLP, each after its norm and added to the hidden states.
class CLIPEncoderLayer : public memory::Module {
 public:
  explicit CLIPEncoderLayer(const CLIPVisionConfig& config);

  at::Tensor forward(const at::Tensor& hidden, const nn::Attention& attention) const;

 private:
  at::Tensor attend(const at::Tensor& x, const nn::Attention& attention) const;
  at::Tensor activate(at::Tensor x) const;

  std::int64_t heads_;
  std::string activation_;
  nn::Linear q_proj_, k_proj_, v_proj_, out_proj_;
  nn::LayerNorm layer_norm1_;
  nn::Linear fc1_, fc2_;
  nn::LayerNorm layer_norm2_;
};

/// The image encoder of Wan 2.1. Only what leads to the hidden states before the last layer, which
/// is what the transformer was trained with: the last layer and the final norm are not loaded.
///
/// Keys: as published, with the prefix vision_model. or without it.
class CLIPVisionModel : public memory::Module {
 public:
  explicit CLIPVisionModel(const CLIPVisionConfig& config);

  const CLIPVisionConfig& config() const { return config_; }
  std::vector<std::pair<std::string, memory::Module*>> layers() override;
  std::vector<std::string> unused_prefixes() const override;

  /// pixel_values  [N, 3, image_size, image_size], as ClipImageProcessor makes them
  /// observer      gets the events of every layer
  /// returns       [N, positions, D] in the weights' dtype
  /// throws        ShapeError for another size
  at::Tensor forward(const at::Tensor& pixel_values, const nn::Attention& attention,
                     memory::LayerObserver* observer = nullptr) const;
  /// The same for several inputs: each layer computes for all of them before the next one, so that
  /// its weights are needed once. Each result has the bits it would have alone.
  std::vector<at::Tensor> forward(const std::vector<at::Tensor>& pixel_values,
                                  const nn::Attention& attention,
                                  memory::LayerObserver* observer = nullptr) const;

 private:
  at::Tensor embed(const at::Tensor& pixel_values) const;

  CLIPVisionConfig config_;
  CLIPVisionEmbeddings embeddings_;
  nn::LayerNorm pre_layrnorm_;
  std::vector<std::unique_ptr<CLIPEncoderLayer>> layers_;
};

}  // namespace chitu::models
