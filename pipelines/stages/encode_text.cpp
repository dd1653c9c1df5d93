#include "pipelines/stages/encode_text.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "chitu_core/device/traffic.h"
#include "chitu_core/graph/layer_watch.h"
#include "pipelines/stages/check_finite.h"

namespace chitu::pipelines {
namespace {

graph::TextEmbeddings to_value(const std::vector<std::optional<at::Tensor>>& embeds,
                               const std::vector<PromptCache::Prompt>& prompts,
                               graph::Context& context) {
  graph::TextEmbeddings embeddings;
  embeddings.prompt_embeds = *embeds[0];
  embeddings.prompt_tokens = prompts[0].used_rows();
  if (embeds.size() > 1) {
    embeddings.negative_prompt_embeds = *embeds[1];
    embeddings.negative_prompt_tokens = prompts[1].used_rows();
  }
  context.keep("prompt_embeds", embeddings.prompt_embeds);
  if (embeddings.negative_prompt_embeds.defined())
    context.keep("negative_prompt_embeds", embeddings.negative_prompt_embeds);
  return embeddings;
}

/// Prompts to encode: each once, whichever runs have it.
class MissingPrompts {
 public:
  void add(const PromptCache::Prompt& prompt) {
    if (index_of(prompt) == prompts_.size()) prompts_.push_back(prompt);
  }
  const std::vector<PromptCache::Prompt>& prompts() const { return prompts_; }
  void set_embeds(std::vector<at::Tensor> embeds) { embeds_ = std::move(embeds); }
  const at::Tensor& embeds_of(const PromptCache::Prompt& prompt) const {
    return embeds_.at(index_of(prompt));
  }

 private:
  std::size_t index_of(const PromptCache::Prompt& prompt) const {
    const auto same = [&](const PromptCache::Prompt& known) {
      return at::equal(known.ids, prompt.ids);
    };
    return static_cast<std::size_t>(std::ranges::find_if(prompts_, same) - prompts_.begin());
  }

  std::vector<PromptCache::Prompt> prompts_;
  std::vector<at::Tensor> embeds_;
};

/// Whether it is so for any of the ranks; null = for this process.
bool for_any(parallel::Communicator* ranks, bool is_so) {
  if (!ranks) return is_so;
  const at::Tensor mine = at::full({1}, is_so ? 1 : 0, at::TensorOptions().dtype(at::kByte));
  std::vector<at::Tensor> all;
  for (int rank = 0; rank < ranks->size(); ++rank) all.push_back(mine.clone());
  ranks->all_gather(mine, all);
  return at::cat(all).any().item<bool>();
}

at::Tensor longest_ids(const std::string& prompt, std::int64_t length) {
  const auto id = static_cast<std::int64_t>(std::hash<std::string>()(prompt) >> 1);
  return at::full({1, length}, id, at::kLong);
}

}  // namespace

graph::Tokens longest_tokens(const Request& request, std::int64_t template_tokens) {
  const std::int64_t length = template_tokens + request.max_sequence_length;
  graph::Tokens tokens;
  tokens.ids = longest_ids("+" + request.prompt, length);
  if (request.guided()) tokens.negative_ids = longest_ids("-" + *request.negative_prompt, length);
  return tokens;
}

std::shared_ptr<const PromptCache> open_prompt_cache(const ModelChoices& choices,
                                                     const std::filesystem::path& checkpoint,
                                                     const std::vector<ComponentFiles>& components,
                                                     const std::string& text_encoder) {
  if (choices.prompt_cache.empty() || choices.for_plan) return nullptr;
  return std::make_shared<PromptCache>(choices.prompt_cache, weights_of(components, text_encoder),
                                       checkpoint / text_encoder / "config.json");
}

std::optional<graph::TextEmbeddings> EncodeText::known(const graph::Tokens& tokens, const Job& job,
                                                       graph::Context& context) const {
  if (!cache) {
    for_any(loading.get(), true);  // another rank may have a cache
    return std::nullopt;
  }
  cache->prepare([&] { context.check_stop(); });
  const auto prompts = prompts_of(tokens, job, context);
  const Embeds embeds = find(prompts);
  const bool lacks = !std::ranges::all_of(embeds, &std::optional<at::Tensor>::has_value);
  if (for_any(loading.get(), lacks)) return std::nullopt;
  return to_value(embeds, prompts, context);
}

graph::TextEmbeddings EncodeText::run(const graph::Tokens& tokens, const Job& job,
                                      graph::Context& context) const {
  return graph::sole_outcome(run_several({{tokens, job}}, context));
}

std::vector<graph::Outcome<graph::TextEmbeddings>> EncodeText::run_several(
    const std::vector<graph::RunInputs<Inputs>>& runs, graph::Context& context) const {
  std::vector<std::vector<PromptCache::Prompt>> prompts;
  std::vector<Embeds> embeds;
  MissingPrompts missing;
  for (const auto& [tokens, job] : runs) {
    prompts.push_back(prompts_of(tokens, job, context));
    embeds.push_back(find(prompts.back()));
    for (std::size_t i = 0; i < prompts.back().size(); ++i)
      if (!embeds.back()[i]) missing.add(prompts.back()[i]);
  }
  // The others load the text encoder together with this rank.
  if (loading && missing.prompts().empty()) missing.add(prompts.front().front());
  if (!missing.prompts().empty()) missing.set_embeds(encode(missing.prompts(), context));
  std::vector<graph::Outcome<graph::TextEmbeddings>> outcomes;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    outcomes.push_back(graph::outcome_of([&] {
      for (std::size_t i = 0; i < prompts[run].size(); ++i) {
        if (embeds[run][i]) continue;
        embeds[run][i] = missing.embeds_of(prompts[run][i]);
        check(*embeds[run][i], context);
        store(prompts[run][i], *embeds[run][i], context);
      }
      return to_value(embeds[run], prompts[run], context);
    }));
  }
  return outcomes;
}

std::vector<PromptCache::Prompt> EncodeText::prompts_of(const graph::Tokens& tokens, const Job& job,
                                                        const graph::Context& context) const {
  const memory::ComponentPlan& plan = context.plan.component(encoder->component().name());
  std::vector<PromptCache::Prompt> prompts;
  std::size_t branch = 0;
  for (const at::Tensor& ids : {tokens.ids, tokens.negative_ids})
    if (guidance_ranks.computes(branch++) && ids.defined())
      prompts.push_back({ids, encoder->rows(ids.size(1), job.request), plan.dtype, plan.stored,
                         plan.device, encoder->attention()});
  return prompts;
}

EncodeText::Embeds EncodeText::find(const std::vector<PromptCache::Prompt>& prompts) const {
  Embeds embeds(prompts.size());
  if (cache)
    std::ranges::transform(prompts, embeds.begin(),
                           [&](const PromptCache::Prompt& prompt) { return cache->find(prompt); });
  return embeds;
}

std::vector<at::Tensor> EncodeText::encode(const std::vector<PromptCache::Prompt>& prompts,
                                           graph::Context& context) const {
  std::vector<at::Tensor> ids;
  std::vector<PromptRows> rows;
  for (const PromptCache::Prompt& prompt : prompts) {
    ids.push_back(device::move_to(prompt.ids, prompt.device));
    rows.push_back(prompt.rows);
  }
  graph::LayerWatch layers(context, encoder->component(), 1);
  return encoder->encode(ids, rows, layers);
}

void EncodeText::check(const at::Tensor& embeds, const graph::Context& context) const {
  check_finite(embeds, "the prompt embeddings", [&] {
    return dtype_advice(encoder->component().name(),
                        context.plan.component(encoder->component().name()), "infer.dtype");
  });
}

void EncodeText::store(const PromptCache::Prompt& prompt, const at::Tensor& embeds,
                       graph::Context& context) const {
  if (cache) context.write_aside("infer.prompt_cache", [&] { cache->store(prompt, embeds); });
}

}  // namespace chitu::pipelines
