#include <ATen/ATen.h>

#include <string>

#include "chitu_core/io/prompt_clean.h"
#include "pipelines/wan/stages.h"

namespace chitu::pipelines::wan {
namespace {

at::Tensor token_ids(const io::Tokenizer& tokenizer, const std::string& prompt, std::int64_t most) {
  const auto ids = tokenizer.encode(io::prompt_clean(prompt), most);
  return at::tensor(ids, at::kLong).unsqueeze(0);
}

/// The padded form that the reference passes to its encoder, for comparison.
void keep_padded(graph::Context& context, const std::string& prefix, const at::Tensor& ids,
                 std::int64_t pad_id, std::int64_t length) {
  if (!context.dump) return;
  const std::int64_t padding = length - ids.size(1);
  context.keep(prefix + "input_ids", at::constant_pad_nd(ids, {0, padding}, pad_id));
  context.keep(prefix + "attention_mask", at::constant_pad_nd(at::ones_like(ids), {0, padding}, 0));
}

}  // namespace

graph::Tokens Tokenize::run(const Job& job, graph::Context& context) const {
  const Request& request = job.request;
  const std::int64_t length = request.max_sequence_length;
  if (job.longest_prompts || !tokenizer) return longest_tokens(request);
  graph::Tokens tokens;
  tokens.ids = token_ids(*tokenizer, request.prompt, length);
  keep_padded(context, "", tokens.ids, tokenizer->pad_id(), length);
  if (request.guided()) {
    tokens.negative_ids = token_ids(*tokenizer, *request.negative_prompt, length);
    keep_padded(context, "negative_", tokens.negative_ids, tokenizer->pad_id(), length);
  }
  return tokens;
}

std::vector<at::Tensor> TextPromptEncoder::encode(const std::vector<at::Tensor>& ids,
                                                  const std::vector<PromptRows>& rows,
                                                  memory::LayerObserver& layers) const {
  return text_encoder_.model().prompt_embeds(ids, rows.front().count, attention_, &layers);
}

}  // namespace chitu::pipelines::wan
