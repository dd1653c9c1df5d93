#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <initializer_list>

#include "chitu_core/nn/conv.h"

namespace chitu::models {

/// What decodes in tiles share: a clip goes through the decoder in chunks of latent frames, the
/// first frame alone, as WanDecoder3d wants it.

/// Calls visit(first latent frame, number of them) for each chunk of a clip of `frames`, with at
/// most `most` of them. Beside the caches, which keep nothing of the last chunk, a chunk leaves as
/// much held as there was; a plan only counts those that find caches of the sizes that an earlier
/// one found.
void for_each_chunk(std::int64_t frames, std::int64_t most,
                    std::initializer_list<nn::FeatureCache*> caches,
                    const std::function<void(std::int64_t, std::int64_t)>& visit);

/// Frames that are decoded from those before the latent frame `first`.
///
/// factor  frames a latent frame, the first apart
std::int64_t frames_before(std::int64_t first, std::int64_t factor);

/// Puts a chunk [B, F, ...] in its place in `clip`, where its frames begin with `first`. With the
/// first chunk makes `clip`, of `frames` frames.
void gather(at::Tensor& clip, const at::Tensor& chunk, std::int64_t first, std::int64_t frames);

}  // namespace chitu::models
