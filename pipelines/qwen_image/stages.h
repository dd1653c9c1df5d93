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
#include "chitu_core/models/qwen2_5_vl/text_model.h"
#include "chitu_core/models/qwen_image/modulation.h"
#include "chitu_core/models/wan/vae.h"
#include "chitu_core/nn/attention.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/stages/decode_frames.h"
#include "pipelines/stages/encode_text.h"
#include "pipelines/stages/scheduling.h"

namespace chitu::pipelines::qwen_image {

using TextEncoder = memory::ModelComponent<models::Qwen2_5_VLTextModel>;
using Modulation = memory::ModelComponent<models::QwenImageModulation>;
using Vae = memory::ModelComponent<models::AutoencoderKLWan>;

/// Puts the prompts into the template that the text encoder was trained with, and turns them into
/// token ids. What is cut off a long prompt would not change the embeddings of the rest: a token
/// does not see those after it.
struct Tokenize {
  using Inputs = std::tuple<Job>;
  using Output = graph::Tokens;
  static constexpr std::string_view name = "tokenize";
  std::shared_ptr<const io::Tokenizer> tokenizer;

  std::vector<memory::Component*> components() const { return {}; }
  graph::Tokens run(const Job& job, graph::Context& context) const;
};

/// The tokens of the template before the prompt get no row, and there are no rows of zeros.
class TextPromptEncoder final : public ModelPromptEncoder<models::Qwen2_5_VLTextModel> {
 public:
  using ModelPromptEncoder::ModelPromptEncoder;
  PromptRows rows(std::int64_t tokens, const Request& request) const override;
  std::vector<at::Tensor> encode(const std::vector<at::Tensor>& ids,
                                 const std::vector<PromptRows>& rows,
                                 memory::LayerObserver& layers) const override;
};

/// What the transformer is conditioned on: the encoded prompts, and the modulation of its blocks at
/// each timestep of the schedule.
struct Condition {
  static constexpr std::string_view value_name = "QwenImageCondition";
  graph::TextEmbeddings text;
  std::vector<double> timesteps;
  models::QwenImageModulations modulations;

  graph::StoredValue to_stored() const;
  static Condition from_stored(const graph::StoredValue& stored);
};

/// Computes the modulation of all steps. Runs with the same schedule share it.
struct Modulate {
  using Inputs = std::tuple<graph::TextEmbeddings, Job>;
  using Output = Condition;
  static constexpr std::string_view name = "modulate";
  Modulation* modulation;
  Scheduling scheduling;

  std::vector<memory::Component*> components() const { return {modulation}; }
  Condition run(const graph::TextEmbeddings& text, const Job& job, graph::Context& context) const;
  std::vector<graph::Outcome<Condition>> run_several(
      const std::vector<graph::RunInputs<Inputs>>& runs, graph::Context& context) const;
};

/// Draws the noise on the CPU in float32, so that a seed means the same on every device, and packs
/// it.
struct PrepareLatents {
  using Inputs = std::tuple<Job>;
  using Output = graph::Latents;
  static constexpr std::string_view name = "prepare_latents";
  std::int64_t channels;
  std::int64_t spatial_factor;  ///< pixels per latent

  /// Of the packed latents.
  std::vector<std::int64_t> shape(const Request& request) const;

  std::vector<memory::Component*> components() const { return {}; }
  graph::Latents run(const Job& job, graph::Context& context) const;
};

/// Unpacks latents and turns them into a picture: decode_frames().
struct DecodeLatents {
  using Inputs = std::tuple<graph::Latents, Job>;
  using Output = graph::Frames;
  static constexpr std::string_view name = "decode_latents";
  Vae* vae;
  std::shared_ptr<parallel::Communicator> ranks{};  ///< decode together; null = one process

  std::vector<memory::Component*> components() const { return {vae}; }
  graph::Frames run(const graph::Latents& input, const Job& job, graph::Context& context) const;
};

static_assert(graph::Stage<Tokenize> && graph::StageForSeveral<Modulate> &&
              graph::Stage<PrepareLatents> && graph::Stage<DecodeLatents>);

}  // namespace chitu::pipelines::qwen_image
