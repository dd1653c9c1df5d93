#include <ATen/ATen.h>

#include "chitu_core/device/traffic.h"
#include "chitu_core/io/prompt_clean.h"
#include "chitu_core/pipeline/layer_watch.h"
#include "pipelines/wan/stages.h"

namespace chitu::pipelines::wan {
namespace {

at::Tensor token_ids(const io::Tokenizer& tokenizer, const std::string& prompt, std::int64_t most) {
  const auto ids = tokenizer.encode(io::prompt_clean(prompt), most);
  return at::tensor(ids, at::kLong).unsqueeze(0);
}

/// Prompts that fill the sequence, for a plan.
pipeline::Tokens longest_tokens(const Request& request) {
  const at::Tensor ids = at::zeros({1, request.max_sequence_length}, at::kLong);
  return {ids, request.guided() ? ids : at::Tensor()};
}

/// The padded form that the reference feeds its encoder, for comparison.
void keep_padded(pipeline::Context& context, const std::string& prefix, const at::Tensor& ids,
                 std::int64_t pad_id, std::int64_t length) {
  if (!context.dump) return;
  const std::int64_t padding = length - ids.size(1);
  context.keep(prefix + "input_ids", at::constant_pad_nd(ids, {0, padding}, pad_id));
  context.keep(prefix + "attention_mask", at::constant_pad_nd(at::ones_like(ids), {0, padding}, 0));
}

}  // namespace

pipeline::Tokens Tokenize::run(const Job& job, pipeline::Context& context) const {
  const Request& request = job.request;
  const std::int64_t length = request.max_sequence_length;
  if (job.longest_prompts) return longest_tokens(request);
  pipeline::Tokens tokens;
  tokens.ids = token_ids(*tokenizer, request.prompt, length);
  keep_padded(context, "", tokens.ids, tokenizer->pad_id(), length);
  if (request.guided()) {
    tokens.negative_ids = token_ids(*tokenizer, request.negative_prompt, length);
    keep_padded(context, "negative_", tokens.negative_ids, tokenizer->pad_id(), length);
  }
  return tokens;
}

pipeline::TextEmbeddings EncodeText::run(const pipeline::Tokens& tokens, const Job& job,
                                         pipeline::Context& context) const {
  const c10::Device device = context.plan.text_encoder.device;
  std::vector<at::Tensor> prompts{device::move_to(tokens.ids, device)};
  if (tokens.negative_ids.defined())
    prompts.push_back(device::move_to(tokens.negative_ids, device));
  pipeline::LayerWatch layers(context, *text_encoder, 1);
  const auto embeds = text_encoder->model().prompt_embeds(prompts, job.request.max_sequence_length,
                                                          attention, &layers);
  pipeline::TextEmbeddings embeddings;
  embeddings.prompt_embeds = embeds[0];
  embeddings.prompt_tokens = tokens.ids.size(1);
  if (embeds.size() > 1) {
    embeddings.negative_prompt_embeds = embeds[1];
    embeddings.negative_prompt_tokens = tokens.negative_ids.size(1);
  }
  context.keep("prompt_embeds", embeddings.prompt_embeds);
  if (embeddings.negative_prompt_embeds.defined())
    context.keep("negative_prompt_embeds", embeddings.negative_prompt_embeds);
  return embeddings;
}

}  // namespace chitu::pipelines::wan
