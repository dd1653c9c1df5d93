#include <ATen/ATen.h>
#include <spdlog/logger.h>

#include <algorithm>
#include <string>

#include "chitu_core/common/log.h"
#include "pipelines/qwen_image/request_limits.h"
#include "pipelines/qwen_image/stages.h"

namespace chitu::pipelines::qwen_image {
namespace {

/// Source: diffusers, QwenImagePipeline, prompt_template_encode.
constexpr const char* kBeforePrompt =
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, "
    "quantity, "
    "text, spatial relationships of the objects and background:<|im_end|>\n<|im_start|>user\n";
constexpr const char* kAfterPrompt = "<|im_end|>\n<|im_start|>assistant\n";

at::Tensor first(const at::Tensor& ids, std::int64_t most) {
  return ids.narrow(1, 0, std::min(ids.size(1), most));
}

/// The ids of a prompt in its template; the dump gets those that the reference gives its encoder.
at::Tensor token_ids(const io::Tokenizer& tokenizer, const std::string& prompt, std::int64_t most,
                     const std::string& dumped_prefix, graph::Context& context) {
  const auto ids = tokenizer.encode(kBeforePrompt + prompt + kAfterPrompt);
  const at::Tensor all =
      first(at::tensor(ids, at::kLong).unsqueeze(0), kTemplateTokens + kMostTextTokens);
  context.keep(dumped_prefix + "input_ids", all);
  if (context.dump) context.keep(dumped_prefix + "attention_mask", at::ones_like(all));
  return first(all, kTemplateTokens + most).contiguous();
}

}  // namespace

graph::Tokens Tokenize::run(const Job& job, graph::Context& context) const {
  const Request& request = job.request;
  if (job.longest_prompts || !tokenizer) return longest_tokens(request, kTemplateTokens);
  graph::Tokens tokens;
  tokens.ids = token_ids(*tokenizer, request.prompt, request.max_sequence_length, "", context);
  if (request.guided())
    tokens.negative_ids = token_ids(*tokenizer, *request.negative_prompt,
                                    request.max_sequence_length, "negative_", context);
  else if (request.guidance_scale > 1)
    logger("pipelines")
        ->info("no request.negative_prompt: no guidance, whatever guidance_scale is");
  return tokens;
}

PromptRows TextPromptEncoder::rows(std::int64_t tokens, const Request&) const {
  return {.count = tokens - kTemplateTokens, .dropped = kTemplateTokens};
}

std::vector<at::Tensor> TextPromptEncoder::encode(const std::vector<at::Tensor>& ids,
                                                  const std::vector<PromptRows>& rows,
                                                  memory::LayerObserver& layers) const {
  std::vector<at::Tensor> states = text_encoder_.model().forward(ids, attention_, &layers);
  for (std::size_t i = 0; i < states.size(); ++i)
    states[i] = states[i].narrow(1, rows[i].dropped, rows[i].count).clone();
  return states;
}

}  // namespace chitu::pipelines::qwen_image
