#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "chitu_core/graph/stage.h"
#include "chitu_core/graph/values.h"
#include "chitu_core/io/tokenizer.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/models/umt5/encoder.h"
#include "chitu_core/models/wan/vae.h"
#include "chitu_core/nn/attention.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/stages/prompt_cache.h"

namespace chitu::pipelines::wan {

using TextEncoder = memory::ModelComponent<models::UMT5EncoderModel>;
using Vae = memory::ModelComponent<models::AutoencoderKLWan>;

/// Cleans the prompts as the reference pipeline does and turns them into token ids.
struct Tokenize {
  using Inputs = std::tuple<Job>;
  using Output = graph::Tokens;
  static constexpr std::string_view name = "tokenize";
  std::shared_ptr<const io::Tokenizer> tokenizer;

  std::vector<memory::Component*> components() const { return {}; }
  graph::Tokens run(const Job& job, graph::Context& context) const;
};

/// Encodes all prompts in one pass of the text encoder; a prompt that several runs share is encoded
/// once. Rows after the last token are zero, up to max_sequence_length: the transformer was trained
/// with them. If the cache has all prompts, the text encoder is not loaded; else the missing ones
/// are encoded.
struct EncodeText {
  using Inputs = std::tuple<graph::Tokens, Job>;
  using Output = graph::TextEmbeddings;
  static constexpr std::string_view name = "encode_text";
  TextEncoder* text_encoder;
  nn::Attention attention;
  std::shared_ptr<const PromptCache> cache{};  ///< null = none

  std::vector<memory::Component*> components() const { return {text_encoder}; }
  std::optional<graph::TextEmbeddings> known(const graph::Tokens& tokens, const Job& job,
                                             graph::Context& context) const;
  graph::TextEmbeddings run(const graph::Tokens& tokens, const Job& job,
                            graph::Context& context) const;
  std::vector<graph::Outcome<graph::TextEmbeddings>> run_several(
      const std::vector<graph::RunInputs<Inputs>>& runs, graph::Context& context) const;

 private:
  using Embeds = std::vector<std::optional<at::Tensor>>;
  std::vector<PromptCache::Prompt> prompts_of(const graph::Tokens& tokens, const Job& job,
                                              const graph::Context& context) const;
  Embeds find(const std::vector<PromptCache::Prompt>& prompts) const;
  std::vector<at::Tensor> encode(const std::vector<PromptCache::Prompt>& prompts,
                                 graph::Context& context) const;
  void check(const at::Tensor& embeds, const graph::Context& context) const;
  void store(const PromptCache::Prompt& prompt, const at::Tensor& embeds,
             graph::Context& context) const;
};

/// Draws the noise on the CPU in float32, so that a seed means the same on every device.
struct PrepareLatents {
  using Inputs = std::tuple<Job>;
  using Output = graph::Latents;
  static constexpr std::string_view name = "prepare_latents";
  std::int64_t channels;
  std::int64_t temporal_factor;  ///< pictures per latent frame, except the first
  std::int64_t spatial_factor;   ///< pixels per latent

  std::vector<std::int64_t> shape(const Request& request) const;

  std::vector<memory::Component*> components() const { return {}; }
  graph::Latents run(const Job& job, graph::Context& context) const;
};

/// Turns latents into pictures in chunks, or in tiles if the plan says so. Decoded parts go to the
/// host at once.
struct DecodeLatents {
  using Inputs = std::tuple<graph::Latents>;
  using Output = graph::Frames;
  static constexpr std::string_view name = "decode_latents";
  Vae* vae;

  std::vector<memory::Component*> components() const { return {vae}; }
  graph::Frames run(const graph::Latents& input, graph::Context& context) const;
};

static_assert(graph::Stage<Tokenize> && graph::StageForSeveral<EncodeText> &&
              graph::Stage<PrepareLatents> && graph::Stage<DecodeLatents>);

}  // namespace chitu::pipelines::wan
