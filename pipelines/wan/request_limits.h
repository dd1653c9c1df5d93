#pragma once

#include "chitu_core/models/wan/transformer.h"
#include "chitu_core/models/wan/vae.h"
#include "pipelines/model/pipeline.h"

namespace chitu::pipelines::wan {

/// The sizes of videos that fit the patches of a transformer and the latents of a VAE.
SizeSteps size_steps(const models::WanTransformer3DConfig& transformer,
                     const models::WanVaeConfig& vae);

/// throws  InputError naming the field of the request that is out of range, what is expected, and
///         the nearest values
void check_limits(const Request& request, const SizeSteps& steps);

/// throws  InputError where request.guidance_scale_2 is set and the checkpoint has no
/// boundary_ratio
void check_second_scale(const Request& request, bool has_boundary);

}  // namespace chitu::pipelines::wan
