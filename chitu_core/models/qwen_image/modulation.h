#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/memory/module.h"
#include "chitu_core/models/qwen_image/transformer_config.h"
#include "chitu_core/models/wan/transformer_embedder.h"
#include "chitu_core/nn/linear.h"

namespace chitu::models {

/// Modulation of the transformer at each of several timesteps, in the model's dtype, on the host.
struct QwenImageModulations {
  at::Tensor blocks;  ///< [layers, N, 12, D]: of the picture and then of the prompt, shift, scale
                      ///< and gate of the attention and of the feed-forward
  at::Tensor head;    ///< [N, 2, D]: scale and shift of the output
};

/// The part of QwenImageTransformer2DModel that depends on the timestep alone: a third of its
/// weights. It is computed for all steps of a schedule at once, so that these weights need not be
/// on the device while the other two thirds denoise.
///
/// Keys: time_text_embed, transformer_blocks.N.img_mod.1 and txt_mod.1, norm_out.linear.
class QwenImageModulation : public memory::Module {
 public:
  explicit QwenImageModulation(const QwenImageTransformer2DConfig& config);

  const QwenImageTransformer2DConfig& config() const { return config_; }
  std::vector<std::pair<std::string, memory::Module*>> layers() override;
  /// Those of QwenImageTransformer2DModel.
  std::vector<std::string> unused_prefixes() const override;

  /// timesteps  0 to 1000, as the scheduler gives them
  /// device     of the weights
  /// observer   gets the events of every layer
  QwenImageModulations modulations(const std::vector<double>& timesteps, c10::Device device,
                                   memory::LayerObserver* observer = nullptr) const;

 private:
  /// Keys: img_mod.1, txt_mod.1.
  struct Block : memory::Module {
    explicit Block(std::int64_t width);
    nn::Linear img_mod, txt_mod;
  };
  at::Tensor embedded(const std::vector<double>& timesteps, c10::Device device) const;

  QwenImageTransformer2DConfig config_;
  TwoLinear timestep_embedder_;
  std::vector<std::unique_ptr<Block>> blocks_;
  nn::Linear norm_out_;
};

}  // namespace chitu::models
