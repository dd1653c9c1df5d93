#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "chitu_core/graph/stage.h"
#include "chitu_core/graph/values.h"
#include "chitu_core/io/tokenizer.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/models/umt5/encoder.h"
#include "chitu_core/models/wan/vae.h"
#include "chitu_core/nn/attention.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/stages/decode_frames.h"
#include "pipelines/stages/encode_text.h"

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

/// Rows after the last token are zero, up to max_sequence_length: the transformer was trained with
/// them.
class TextPromptEncoder final : public ModelPromptEncoder<models::UMT5EncoderModel> {
 public:
  using ModelPromptEncoder::ModelPromptEncoder;
  PromptRows rows(std::int64_t, const Request& request) const override {
    return {.count = request.max_sequence_length};
  }
  std::vector<at::Tensor> encode(const std::vector<at::Tensor>& ids,
                                 const std::vector<PromptRows>& rows,
                                 memory::LayerObserver& layers) const override;
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

/// Turns latents into pictures: decode_frames().
struct DecodeLatents {
  using Inputs = std::tuple<graph::Latents>;
  using Output = graph::Frames;
  static constexpr std::string_view name = "decode_latents";
  Vae* vae;
  std::shared_ptr<parallel::Communicator> ranks{};  ///< decode together; null = one process

  std::vector<memory::Component*> components() const { return {vae}; }
  graph::Frames run(const graph::Latents& input, graph::Context& context) const {
    return decode_frames(*vae, input.latents, context, ranks.get());
  }
};

static_assert(graph::Stage<Tokenize> && graph::Stage<PrepareLatents> &&
              graph::Stage<DecodeLatents>);

}  // namespace chitu::pipelines::wan
