#pragma once

#include <cstdint>
#include <utility>

#include "chitu_core/memory/component.h"
#include "chitu_core/models/qwen_image/transformer.h"
#include "chitu_core/nn/attention.h"
#include "pipelines/qwen_image/stages.h"
#include "pipelines/stages/denoise.h"

namespace chitu::pipelines::qwen_image {

using Transformer = memory::ModelComponent<models::QwenImageTransformer2DModel>;

/// Lets the transformer predict for the prompt and, with guidance, for the negative prompt. All
/// pictures and branches share the rotary table of the picture.
class PicturePredictor final : public Predictor<Condition> {
 public:
  /// transformer   must outlive this
  /// token_pixels  side of a token in pixels
  PicturePredictor(Transformer& transformer, nn::Attention attention, std::int64_t token_pixels)
      : transformer_(transformer), attention_(std::move(attention)), token_pixels_(token_pixels) {}
  memory::Component& component() const override { return transformer_; }
  GuidanceBranches branches(const std::vector<DenoiseStart<Condition>>& pictures,
                            const memory::MemoryPlan& plan) const override;

 private:
  Transformer& transformer_;
  nn::Attention attention_;
  std::int64_t token_pixels_;
};

}  // namespace chitu::pipelines::qwen_image
