#pragma once

#include "chitu_core/models/wan/vae_config.h"
#include "pipelines/model/pipeline.h"

namespace chitu::pipelines::qwen_image {

/// Most tokens of a prompt, and the tokens of the template before it, which get no embeddings.
constexpr std::int64_t kMostTextTokens = 1024, kTemplateTokens = 34;

/// The sizes of pictures whose latents are packed 2 x 2 and whose positions the rotary embedding
/// has beside the longest prompt.
SizeSteps size_steps(const models::WanVaeConfig& vae);

/// throws  InputError naming the field of the request that is out of range, what is expected, and
///         the nearest values
void check_limits(const Request& request, const SizeSteps& steps);

}  // namespace chitu::pipelines::qwen_image
