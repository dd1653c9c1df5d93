#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/cache/pass_cache.h"
#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/memory/module.h"
#include "chitu_core/models/qwen_image/rotary.h"
#include "chitu_core/models/qwen_image/transformer_block.h"
#include "chitu_core/models/qwen_image/transformer_config.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/linear.h"
#include "chitu_core/nn/norm.h"

namespace chitu::models {

/// Modulation at one timestep, on the device, in the model's dtype.
struct QwenImageStepModulation {
  at::Tensor blocks;  ///< [layers, 12, D], as QwenImageModulations
  at::Tensor head;    ///< [2, D]
};

/// What stays the same while one picture is denoised. The caller owns it and reuses it for every
/// step.
struct QwenImageDenoiseContext {
  at::Tensor rotary;  ///< of the picture: [L, head_dim / 2] complex64
  /// The prompts: with guidance the prompt, then the negative one.
  struct Text {
    at::Tensor embeds;  ///< [B, T, D], projected
    at::Tensor rotary;  ///< [T, head_dim / 2] complex64
  };
  std::vector<Text> texts;
};

/// One of several pictures that pass the layers together.
struct QwenImagePicture {
  const at::Tensor& latents;  ///< [B, L, in_channels], any floating dtype; cast to the model's
  const QwenImageDenoiseContext& context;
};

struct QwenImageForwardOptions {
  /// Most tokens in a feed-forward's hidden layer at once; 0 = default_ffn_chunk().
  std::int64_t ffn_chunk_tokens = 0;
  memory::LayerObserver* observer = nullptr;  ///< gets the events of every block
  cache::PassCache* cache = nullptr;          ///< says which blocks compute; null = all
};

/// The text-to-image transformer of Qwen-Image, without the modulation, which QwenImageModulation
/// has: predicts the velocity of packed latents.
///
/// Arithmetic is that of diffusers, with layer norms and modulation in float32.
class QwenImageTransformer2DModel : public memory::Module {
 public:
  explicit QwenImageTransformer2DModel(const QwenImageTransformer2DConfig& config);

  const QwenImageTransformer2DConfig& config() const { return config_; }
  std::vector<std::pair<std::string, memory::Module*>> layers() override;
  /// Those of QwenImageModulation.
  std::vector<std::string> unused_prefixes() const override;

  /// Computes what forward() needs besides the latents and the timestep.
  ///
  /// rows, columns  of tokens in the picture
  /// prompts        [B, T, joint_attention_dim] each, on the device
  /// rotary         of a picture of the same size, to share its table; undefined = compute one
  /// throws         ShapeError if a shape does not fit the config
  QwenImageDenoiseContext prepare(std::int64_t rows, std::int64_t columns,
                                  const std::vector<at::Tensor>& prompts,
                                  const at::Tensor& rotary = {}) const;

  /// One prediction per prompt of each picture: each layer computes for all of them before the next
  /// one, so that its weights are needed once. Every prediction has the bits it would have alone.
  ///
  /// returns  for each picture, velocities [B, L, in_channels] in the model's dtype, in the order
  ///          of context.texts
  /// throws   ShapeError if a context was made for latents of another shape
  std::vector<std::vector<at::Tensor>> forward(const std::vector<QwenImagePicture>& pictures,
                                               const QwenImageStepModulation& modulation,
                                               const nn::Attention& attention,
                                               const QwenImageForwardOptions& options = {}) const;

 private:
  void check(const QwenImagePicture& picture) const;
  at::Tensor head(const at::Tensor& hidden, const at::Tensor& modulation) const;

  QwenImageTransformer2DConfig config_;
  QwenEmbedRope rotary_;
  nn::T5RmsNorm txt_norm_;
  nn::Linear img_in_, txt_in_;
  std::vector<std::unique_ptr<QwenImageTransformerBlock>> blocks_;
  nn::Linear proj_out_;
};

}  // namespace chitu::models
