#pragma once

#include "chitu_core/graph/context.h"
#include "chitu_core/graph/values.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/models/wan/vae.h"
#include "chitu_core/parallel/communicator.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// Turns latents into pictures in chunks, or in tiles if the plan says so. Decoded parts go to the
/// host at once.
///
/// latents  [1, z_dim, T, h, w] as AutoencoderKLWan::decode takes them; moved to the VAE's device
/// ranks    decode it together in exact tiles, and all get the pictures; with blended tiles, each
///          decodes all of it. Null = one process
/// throws   Error if the pictures are not finite; as AutoencoderKLWan::decode
graph::Frames decode_frames(const memory::ModelComponent<models::AutoencoderKLWan>& vae,
                            const at::Tensor& latents, graph::Context& context,
                            parallel::Communicator* ranks = nullptr);

/// The share of the decoder's positions that a plan's tiles compute more than once.
double recomputed_share(const models::AutoencoderKLWan& vae, const Request& request,
                        const memory::MemoryPlan& plan);

}  // namespace chitu::pipelines
