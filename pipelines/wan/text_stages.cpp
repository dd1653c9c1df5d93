#include <ATen/ATen.h>

#include <algorithm>

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

/// Prompts that fill the sequence, for a dry run.
graph::Tokens longest_tokens(const Request& request) {
  const at::Tensor ids = at::zeros({1, request.max_sequence_length}, at::kLong);
  return {ids, request.guided() ? ids : at::Tensor()};
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

}  // namespace

graph::Tokens Tokenize::run(const Job& job, graph::Context& context) const {
  const Request& request = job.request;
  const std::int64_t length = request.max_sequence_length;
  if (job.longest_prompts) return longest_tokens(request);
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
  const auto prompts = prompts_of(tokens, job, context);
  Embeds embeds = find(prompts);
  encode_missing(embeds, prompts, context);
  return to_value(embeds, tokens, context);
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

void EncodeText::encode_missing(Embeds& embeds, const std::vector<PromptCache::Prompt>& prompts,
                                graph::Context& context) const {
  std::vector<std::size_t> missing;
  std::vector<at::Tensor> ids;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    if (embeds[i]) continue;
    missing.push_back(i);
    ids.push_back(device::move_to(prompts[i].ids, prompts[i].device));
  }
  if (ids.empty()) return;  // another run has stored them meanwhile
  graph::LayerWatch layers(context, *text_encoder, 1);
  const auto encoded =
      text_encoder->model().prompt_embeds(ids, prompts[0].rows, attention, &layers);
  for (std::size_t i = 0; i < missing.size(); ++i) {
    check_finite(encoded[i], "the prompt embeddings", [&] {
      return dtype_advice("text_encoder", context.plan.component(text_encoder->name()),
                          "infer.dtype");
    });
    embeds[missing[i]] = encoded[i];
    if (cache)
      context.write_aside("infer.prompt_cache",
                          [&] { cache->store(prompts[missing[i]], encoded[i]); });
  }
}

}  // namespace chitu::pipelines::wan
