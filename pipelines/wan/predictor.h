#pragma once

#include "chitu_core/graph/values.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/models/wan/transformer.h"
#include "chitu_core/nn/attention.h"
#include "pipelines/stages/denoise.h"
#include "pipelines/wan/image_stages.h"

namespace chitu::pipelines::wan {

using Transformer = memory::ModelComponent<models::WanTransformer3DModel>;

/// Lets a Wan transformer predict for the prompt and, with guidance, for the negative prompt. All
/// videos and branches share one rotary table.
class TextPredictor final : public Predictor<graph::TextEmbeddings> {
 public:
  /// transformer  must outlive this
  TextPredictor(Transformer& transformer, nn::Attention attention)
      : transformer_(transformer), attention_(std::move(attention)) {}
  memory::Component& component() const override { return transformer_; }
  GuidanceBranches branches(const std::vector<DenoiseStart<graph::TextEmbeddings>>& videos,
                            const memory::MemoryPlan& plan) const override;

 private:
  Transformer& transformer_;
  nn::Attention attention_;
};

/// The same for a model that takes pictures. They condition both branches.
class ImagePredictor final : public Predictor<WanConditions> {
 public:
  /// transformer  must outlive this
  ImagePredictor(Transformer& transformer, nn::Attention attention, const ImageUse& use)
      : transformer_(transformer), attention_(std::move(attention)), use_(use) {}
  memory::Component& component() const override { return transformer_; }
  GuidanceBranches branches(const std::vector<DenoiseStart<WanConditions>>& videos,
                            const memory::MemoryPlan& plan) const override;
  /// The encoded picture takes the place of the first latent frame.
  at::Tensor finished(const at::Tensor& latents, const WanConditions& conditions) const override;

 private:
  Transformer& transformer_;
  nn::Attention attention_;
  ImageUse use_;
};

}  // namespace chitu::pipelines::wan
