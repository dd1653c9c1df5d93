#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/memory/module.h"
#include "chitu_core/models/wan/rotary.h"
#include "chitu_core/models/wan/transformer_block.h"
#include "chitu_core/models/wan/transformer_config.h"
#include "chitu_core/models/wan/transformer_embedder.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/linear.h"

namespace chitu::models {

/// What one prompt says to the transformer, the same at every step.
struct WanTextContext {
  /// [B, U, D]: the projected prompt and one row of padding. The rows of padding behind a prompt
  /// are all alike: what they become in a block is computed once and repeated.
  at::Tensor embeds;
  std::int64_t rows = 0;  ///< L, padding included; U or more
  /// One entry a block, of U rows, filled by the first pass when the context keeps them.
  std::vector<KeysValues> keys_values;
};

/// A prompt as the text encoder leaves it: [B, L, text_dim], zero behind its tokens.
struct WanPrompt {
  WanPrompt(at::Tensor all_rows, std::optional<std::int64_t> used_rows = {})  // NOLINT: implicit
      : embeds(std::move(all_rows)), tokens(used_rows) {}
  at::Tensor embeds;
  std::optional<std::int64_t> tokens;  ///< rows that are tokens; empty = look at the values
};

/// [B, U, D] with its last row repeated: [B, rows, D].
at::Tensor repeat_last_row(const at::Tensor& unlike, std::int64_t rows);

/// What does not change while one video is denoised. The caller holds it, reuses it for every step,
/// and frees it by dropping it.
struct WanDenoiseContext {
  at::Tensor rotary;  ///< [tokens, head_dim / 2] complex64
  std::vector<WanTextContext>
      texts;  ///< one per prompt: with guidance the prompt, then the negative
  /// Keep each block's cross-attention keys and values from the first pass on: 2 * blocks * B * U *
  /// D elements per prompt, and no bit of the result differs.
  bool keep_text_kv = true;
};

struct WanForwardOptions {
  /// Most tokens in the feed-forward's wide middle at once; 0 = as default_ffn_chunk says.
  std::int64_t ffn_chunk_tokens = 0;
  /// The hidden states of prompts that do not compute rest on the host: the device holds those of
  /// one at a time. No bit differs; means nothing with one prompt of one video, or where the host
  /// computes.
  bool offload_activations = false;
  memory::LayerObserver* observer = nullptr;  ///< told about every block
};

/// One of several videos that pass through the layers together.
struct WanVideo {
  const at::Tensor& latents;  ///< [B, C, F, H, W], any floating dtype; cast to the model's
  WanDenoiseContext& context;
};

/// Tokens that go through a feed-forward of this width together: all of them where its middle stays
/// below 128 MiB in 16 bit, else as many as that holds, in whole runs of 256. A function of shapes
/// alone, for another number may round otherwise.
std::int64_t default_ffn_chunk(std::int64_t tokens, std::int64_t ffn_dim);

/// The text-to-video transformer of Wan 2.1: predicts the velocity of the latents.
///
/// Arithmetic is that of diffusers: the weights' dtype, with the timestep embedding, the modulation
/// and the layer norms in float32.
class WanTransformer3DModel : public memory::Module {
 public:
  explicit WanTransformer3DModel(const WanTransformer3DConfig& config);

  const WanTransformer3DConfig& config() const { return config_; }
  std::vector<std::pair<std::string, memory::Module*>> layers() override;

  /// Makes what forward() needs besides the latents and the timestep.
  ///
  /// latents  [B, C, F, H, W]; only its shape and device are read
  /// rotary   of a video of the same shape, to share its table; undefined = make one
  /// throws   ShapeError when a shape does not fit the config; InputError when the video has more
  ///          tokens along an axis than rope_max_seq_len
  WanDenoiseContext prepare(const at::Tensor& latents, const std::vector<WanPrompt>& prompts,
                            bool keep_text_kv = true, const at::Tensor& rotary = {}) const;

  /// One prediction per prompt of the context. Work that does not depend on the prompt is done
  /// once; every prediction has the bits it would have alone.
  ///
  /// latents    [B, C, F, H, W], any floating dtype; cast to the model's
  /// timestep   0 to 1000, as the scheduler gives it
  /// returns    velocity, [B, C, F, H, W] in the model's dtype, in the order of context.texts
  /// throws     ShapeError when the latents are not those the context was made for
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
  void check_videos(const std::vector<WanVideo>& videos) const;
  at::Tensor head(const at::Tensor& hidden, const at::Tensor& temb) const;
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
