#include <ATen/ATen.h>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/models/noise.h"
#include "pipelines/wan/stages.h"

namespace chitu::pipelines::wan {
graph::Latents PrepareLatents::run(const Job& job, graph::Context& context) const {
  const Request& request = job.request;
  const std::vector<std::int64_t> shape{1, channels, (request.num_frames - 1) / temporal_factor + 1,
                                        request.height / spatial_factor,
                                        request.width / spatial_factor};
  const at::Tensor noise = device::in_dry_run()
                               ? at::empty(shape, at::TensorOptions().device(device::host()))
                               : models::initial_noise(shape, request.seed);
  context.keep("initial_noise", noise);
  context.keep("initial_latents", noise);
  return {device::move_to(noise, context.plan.device)};
}

}  // namespace chitu::pipelines::wan
