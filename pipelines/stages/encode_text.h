#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "chitu_core/graph/stage.h"
#include "chitu_core/graph/values.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/parallel/guidance_ranks.h"
#include "pipelines/model/component_set.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/stages/prompt_cache.h"

namespace chitu::pipelines {

/// The text encoder of a family as the encoding stage sees it.
class PromptEncoder {
 public:
  virtual ~PromptEncoder() = default;
  virtual memory::Component& component() const = 0;
  /// Name of its attention backend.
  virtual const std::string& attention() const = 0;
  /// The embeddings that a prompt of so many tokens gets.
  virtual PromptRows rows(std::int64_t tokens, const Request& request) const = 0;
  /// All prompts in one pass over the layers; each has the bits that it has alone.
  ///
  /// ids      per prompt [1, n] int64, on the encoder's device
  /// rows     of each prompt, as rows() gives them
  /// returns  per prompt [1, rows, D]
  virtual std::vector<at::Tensor> encode(const std::vector<at::Tensor>& ids,
                                         const std::vector<PromptRows>& rows,
                                         memory::LayerObserver& layers) const = 0;
};

/// The text encoder as a component with a model.
template <class Model>
class ModelPromptEncoder : public PromptEncoder {
 public:
  using Component = memory::ModelComponent<Model>;
  /// text_encoder  must outlive this
  ModelPromptEncoder(Component& text_encoder, nn::Attention attention)
      : text_encoder_(text_encoder), attention_(std::move(attention)) {}
  memory::Component& component() const override { return text_encoder_; }
  const std::string& attention() const override { return attention_.name(); }

 protected:
  Component& text_encoder_;
  nn::Attention attention_;
};

/// The longest prompts of a request, for a dry run: max_sequence_length ids and those of a template
/// around them; equal ones for equal prompts.
graph::Tokens longest_tokens(const Request& request, std::int64_t template_tokens = 0);

/// The cache that infer.prompt_cache names; null without one, and in a plan.
///
/// text_encoder  name of the component
std::shared_ptr<const PromptCache> open_prompt_cache(const ModelChoices& choices,
                                                     const std::filesystem::path& checkpoint,
                                                     const std::vector<ComponentFiles>& components,
                                                     const std::string& text_encoder);

/// Encodes all prompts in one pass of the text encoder; a prompt that several runs share is encoded
/// once. If the cache has all prompts, the text encoder is not loaded; else the missing ones are
/// encoded. With ranks for each branch of the guidance, a rank encodes the prompt of its own branch
/// only: the negative prompt takes the place of the prompt there. Ranks that load the text encoder
/// together do so if the cache of one of them lacks a prompt.
struct EncodeText {
  using Inputs = std::tuple<graph::Tokens, Job>;
  using Output = graph::TextEmbeddings;
  static constexpr std::string_view name = "encode_text";
  std::shared_ptr<const PromptEncoder> encoder;
  std::shared_ptr<const PromptCache> cache{};  ///< null = none
  parallel::GuidanceRanks guidance_ranks{};
  std::shared_ptr<parallel::Communicator> loading{};  ///< load it together; null = each by itself

  std::vector<memory::Component*> components() const { return {&encoder->component()}; }
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
static_assert(graph::StageForSeveral<EncodeText> && graph::StageWithKnownOutput<EncodeText>);

}  // namespace chitu::pipelines
