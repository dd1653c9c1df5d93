#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "chitu_core/cache/pass_cache.h"
#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/memory/module.h"
#include "chitu_core/models/wan/rotary.h"
#include "chitu_core/models/wan/transformer_block.h"
#include "chitu_core/models/wan/transformer_config.h"
#include "chitu_core/models/wan/transformer_embedder.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/linear.h"

namespace chitu::models {

/// The prompt's input to the transformer, the same at every step.
struct WanTextContext {
  /// [B, U, D]: the projected tokens and one row of padding. All rows of padding are equal, so each
  /// block computes one and repeats the result.
  at::Tensor embeds;
  std::int64_t rows = 0;  ///< L, padding included; U or more
  /// One entry per block, of U rows; filled by the first pass if the context caches them.
  std::vector<KeysValues> keys_values;
};

/// A prompt as the text encoder returns it: [B, L, text_dim], zero after its tokens.
struct WanPrompt {
  WanPrompt(at::Tensor all_rows, std::optional<std::int64_t> used_rows = {})  // NOLINT: implicit
      : embeds(std::move(all_rows)), tokens(used_rows) {}
  at::Tensor embeds;
  std::optional<std::int64_t> tokens;  ///< rows that are tokens; empty = derive it from the values
};

/// [B, U, D] with its last row repeated: [B, rows, D].
at::Tensor repeat_last_row(const at::Tensor& unlike, std::int64_t rows);

/// The rows of the images that cross-attention sees, the same for every prompt and step.
struct WanImageContext {
  at::Tensor embeds;                    ///< [B, N, D]
  std::vector<KeysValues> keys_values;  ///< as in WanTextContext
};

/// What an image-to-video model gets of its images.
struct WanImages {
  at::Tensor embeds{};  ///< [B, N, image_dim] from the image encoder; undefined = none
  /// [B, in_channels - out_channels, F, H, W]: channels after those of the latents; undefined =
  /// none
  at::Tensor channels{};
  /// [B, C, f, H, W]: the first f frames of the video, which replace those of the latents and have
  /// timestep 0; undefined = none
  at::Tensor first_frames{};
};

/// What stays the same while one video is denoised. The caller owns it, reuses it for every step
/// and frees it.
struct WanDenoiseContext {
  at::Tensor rotary;  ///< [tokens of this rank, head_dim / 2] complex64
  std::vector<WanTextContext>
      texts;  ///< one per prompt: with guidance the prompt, then the negative
  /// Caches each block's cross-attention keys and values from the first pass on: 2 * blocks * B * U
  /// * D elements per prompt. No bit of the result differs.
  bool keep_text_kv = true;
  at::Tensor channels{}, first_frames{};     ///< as in WanImages
  std::shared_ptr<WanImageContext> image{};  ///< null = none
};

struct WanForwardOptions {
  /// Most tokens in the feed-forward's hidden layer at once; 0 = default_ffn_chunk().
  std::int64_t ffn_chunk_tokens = 0;
  /// Offloads the hidden states of prompts that do not compute: the device holds those of one
  /// prompt at a time. No bit differs. Without effect for one prompt of one video, or on the host.
  bool offload_activations = false;
  memory::LayerObserver* observer = nullptr;  ///< gets the events of every block
  cache::PassCache* cache = nullptr;          ///< says which blocks compute; null = all
};

/// One of several videos that pass the layers together.
struct WanVideo {
  /// [B, out_channels, F, H, W], any floating dtype; cast to the model's
  const at::Tensor& latents;
  WanDenoiseContext& context;
};

/// The transformer of Wan 2.1 and 2.2: predicts the velocity of the latents.
///
/// Arithmetic is that of diffusers: the weights' dtype, with the timestep embedding, the modulation
/// and the layer norms in float32.
class WanTransformer3DModel : public memory::Module {
 public:
  explicit WanTransformer3DModel(const WanTransformer3DConfig& config);

  const WanTransformer3DConfig& config() const { return config_; }
  std::vector<std::pair<std::string, memory::Module*>> layers() override;

  /// Computes what forward() needs besides the latents and the timestep.
  ///
  /// latents  [B, C, F, H, W]; only its shape and device are read
  /// rotary   of a video of the same shape, to share its table; undefined = compute one
  /// images   on the device
  /// ranks    those that share the tokens (nn::Attention::ranks()); null = one process has all
  /// throws   ShapeError if a shape does not fit the config; InputError if the video has more
  ///          tokens along an axis than rope_max_seq_len
  WanDenoiseContext prepare(const at::Tensor& latents, const std::vector<WanPrompt>& prompts,
                            bool keep_text_kv = true, const at::Tensor& rotary = {},
                            const WanImages& images = {},
                            parallel::Communicator* ranks = nullptr) const;

  /// One prediction per prompt of the context. Work that does not depend on the prompt is done
  /// once; every prediction has the same bits as in a pass of its own.
  ///
  /// latents    [B, C, F, H, W], any floating dtype; cast to the model's
  /// timestep   0 to 1000, as the scheduler gives it
  /// returns    velocity, [B, C, F, H, W] in the model's dtype, in the order of context.texts
  /// throws     ShapeError if the context was made for latents of another shape
  std::vector<at::Tensor> forward(const at::Tensor& latents, double timestep,
                                  WanDenoiseContext& context, const nn::Attention& attention,
                                  const WanForwardOptions& options = {}) const;

  /// The same for several videos, all of one shape and with equally many prompts: each layer
  /// computes for all of them before the next one, so that its weights are needed once. Every
  /// prediction has the bits it would have alone.
  ///
  /// returns  the predictions of each video
  std::vector<std::vector<at::Tensor>> forward(const std::vector<WanVideo>& videos, double timestep,
                                               const nn::Attention& attention,
                                               const WanForwardOptions& options = {}) const;

 private:
  void check_videos(const std::vector<WanVideo>& videos,
                    const parallel::SequenceShards& shards) const;
  void check_images(const at::Tensor& latents, const WanImages& images) const;
  at::Tensor head(const at::Tensor& hidden, const std::vector<nn::ModulatedRows>& runs) const;
  nn::ModulatedRows head_run(std::int64_t start, std::int64_t count, const at::Tensor& temb) const;
  at::Tensor unpatchify(const at::Tensor& tokens, const std::array<std::int64_t, 3>& grid) const;
  std::array<std::int64_t, 3> grid(const at::Tensor& latents) const;

  WanTransformer3DConfig config_;
  WanRotaryPosEmbed rotary_;
  memory::Parameter& scale_shift_table_;
  WanPatchEmbedding patch_embedding_;
  WanTimeTextEmbedding condition_embedder_;
  std::vector<std::unique_ptr<WanTransformerBlock>> blocks_;
  nn::Linear proj_out_;
};

}  // namespace chitu::models
