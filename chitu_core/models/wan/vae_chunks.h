#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <initializer_list>

#include "chitu_core/nn/conv.h"

namespace chitu::models {

/// Shared by decoders in tiles: a clip passes the decoder in chunks of latent frames, the first
/// frame alone, as WanDecoder3d requires.

/// Calls visit(first latent frame, count) for each chunk of a clip of `frames`, with at most `most`
/// frames per chunk. After a chunk, as much memory is held as before it, except in the caches,
/// which keep nothing after the last chunk. A dry run visits only chunks that find caches of new
/// sizes.
void for_each_chunk(std::int64_t frames, std::int64_t most,
                    std::initializer_list<nn::FeatureCache*> caches,
                    const std::function<void(std::int64_t, std::int64_t)>& visit);

/// Output frames that are decoded from the latent frames before `first`.
///
/// factor  output frames per latent frame, except for the first
std::int64_t frames_before(std::int64_t first, std::int64_t factor);

/// Copies a chunk [B, F, ...] to its place in `clip`, at the output frame of latent frame `first`.
/// The first chunk allocates `clip`, of `frames` frames.
void gather(at::Tensor& clip, const at::Tensor& chunk, std::int64_t first, std::int64_t frames);

}  // namespace chitu::models
