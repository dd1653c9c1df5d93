#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <string>

#include "chitu_core/device/traffic.h"
#include "chitu_core/graph/layer_watch.h"
#include "chitu_core/io/prompt_clean.h"
#include "pipelines/stages/check_finite.h"
#include "pipelines/wan/stages.h"

namespace chitu::pipelines::wan {
namespace {

at::Tensor token_ids(const io::Tokenizer& tokenizer, const std::string& prompt, std::int64_t most) {
  const auto ids = tokenizer.encode(io::prompt_clean(prompt), most);
  return at::tensor(ids, at::kLong).unsqueeze(0);
}

/// Ids that fill the sequence, for a dry run: equal ones for equal prompts.
at::Tensor longest_ids(const std::string& prompt, std::int64_t length) {
  const auto id = static_cast<std::int64_t>(std::hash<std::string>()(prompt) >> 1);
  return at::full({1, length}, id, at::kLong);
}

graph::Tokens longest_tokens(const Request& request) {
  graph::Tokens tokens;
  tokens.ids = longest_ids("+" + request.prompt, request.max_sequence_length);
  if (request.guided())
    tokens.negative_ids = longest_ids("-" + request.negative_prompt, request.max_sequence_length);
  return tokens;
}

/// The padded form that the reference passes to its encoder, for comparison.
void keep_padded(graph::Context& context, const std::string& prefix, const at::Tensor& ids,
                 std::int64_t pad_id, std::int64_t length) {
  if (!context.dump) return;
  const std::int64_t padding = length - ids.size(1);
  context.keep(prefix + "input_ids", at::constant_pad_nd(ids, {0, padding}, pad_id));
  context.keep(prefix + "attention_mask", at::constant_pad_nd(at::ones_like(ids), {0, padding}, 0));
}

graph::TextEmbeddings to_value(const std::vector<std::optional<at::Tensor>>& embeds,
                               const graph::Tokens& tokens, graph::Context& context) {
  graph::TextEmbeddings embeddings;
  embeddings.prompt_embeds = *embeds[0];
  embeddings.prompt_tokens = tokens.ids.size(1);
  if (embeds.size() > 1) {
    embeddings.negative_prompt_embeds = *embeds[1];
    embeddings.negative_prompt_tokens = tokens.negative_ids.size(1);
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

}  // namespace

graph::Tokens Tokenize::run(const Job& job, graph::Context& context) const {
  const Request& request = job.request;
  const std::int64_t length = request.max_sequence_length;
  if (job.longest_prompts || !tokenizer) return longest_tokens(request);
  graph::Tokens tokens;
  tokens.ids = token_ids(*tokenizer, request.prompt, length);
  keep_padded(context, "", tokens.ids, tokenizer->pad_id(), length);
  if (request.guided()) {
    tokens.negative_ids = token_ids(*tokenizer, request.negative_prompt, length);
    keep_padded(context, "negative_", tokens.negative_ids, tokenizer->pad_id(), length);
  }
  return tokens;
}

std::optional<graph::TextEmbeddings> EncodeText::known(const graph::Tokens& tokens, const Job& job,
                                                       graph::Context& context) const {
  if (!cache) return std::nullopt;
  cache->prepare([&] { context.check_stop(); });
  const Embeds embeds = find(prompts_of(tokens, job, context));
  if (!std::ranges::all_of(embeds, &std::optional<at::Tensor>::has_value)) return std::nullopt;
  return to_value(embeds, tokens, context);
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
  if (!missing.prompts().empty()) missing.set_embeds(encode(missing.prompts(), context));
  std::vector<graph::Outcome<graph::TextEmbeddings>> outcomes;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    const graph::Tokens& tokens = std::get<0>(runs[run]);
    outcomes.push_back(graph::outcome_of([&] {
      for (std::size_t i = 0; i < prompts[run].size(); ++i) {
        if (embeds[run][i]) continue;
        embeds[run][i] = missing.embeds_of(prompts[run][i]);
        check(*embeds[run][i], context);
        store(prompts[run][i], *embeds[run][i], context);
      }
      return to_value(embeds[run], tokens, context);
    }));
  }
  return outcomes;
}

std::vector<PromptCache::Prompt> EncodeText::prompts_of(const graph::Tokens& tokens, const Job& job,
                                                        const graph::Context& context) const {
  const memory::ComponentPlan& plan = context.plan.component(text_encoder->name());
  std::vector<PromptCache::Prompt> prompts;
  for (const at::Tensor& ids : {tokens.ids, tokens.negative_ids})
    if (ids.defined())
      prompts.push_back({ids, job.request.max_sequence_length, plan.dtype, plan.stored, plan.device,
                         attention.name()});
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
  for (const PromptCache::Prompt& prompt : prompts)
    ids.push_back(device::move_to(prompt.ids, prompt.device));
  graph::LayerWatch layers(context, *text_encoder, 1);
  return text_encoder->model().prompt_embeds(ids, prompts[0].rows, attention, &layers);
}

void EncodeText::check(const at::Tensor& embeds, const graph::Context& context) const {
  check_finite(embeds, "the prompt embeddings", [&] {
    return dtype_advice("text_encoder", context.plan.component(text_encoder->name()),
                        "infer.dtype");
  });
}

void EncodeText::store(const PromptCache::Prompt& prompt, const at::Tensor& embeds,
                       graph::Context& context) const {
  if (cache) context.write_aside("infer.prompt_cache", [&] { cache->store(prompt, embeds); });
}

}  // namespace chitu::pipelines::wan
