#include <ATen/ATen.h>

#include "chitu_core/device/traffic.h"
#include "pipelines/stages/draw_noise.h"
#include "pipelines/wan/stages.h"

namespace chitu::pipelines::wan {
std::vector<std::int64_t> PrepareLatents::shape(const Request& request) const {
  return {1, channels, (request.num_frames - 1) / temporal_factor + 1,
          request.height / spatial_factor, request.width / spatial_factor};
}

graph::Latents PrepareLatents::run(const Job& job, graph::Context& context) const {
  const auto sizes = shape(job.request);
  const at::Tensor noise = draw_noise(sizes, job.request.seed);
  context.keep("initial_noise", noise);
  context.keep("initial_latents", noise);
  return {device::move_to(noise, context.plan.device)};
}

}  // namespace chitu::pipelines::wan
