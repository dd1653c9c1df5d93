#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "chitu_core/graph/stage.h"
#include "chitu_core/graph/values.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/memory/layer_observer.h"
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

/// Encodes all prompts in one pass of the text encoder; a prompt that several runs share is encoded
/// once. If the cache has all prompts, the text encoder is not loaded; else the missing ones are
/// encoded.
struct EncodeText {
  using Inputs = std::tuple<graph::Tokens, Job>;
  using Output = graph::TextEmbeddings;
  static constexpr std::string_view name = "encode_text";
  std::shared_ptr<const PromptEncoder> encoder;
  std::shared_ptr<const PromptCache> cache{};  ///< null = none

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
