#include <ATen/ATen.h>

#include "chitu_core/device/traffic.h"
#include "chitu_core/models/qwen_image/latents.h"
#include "pipelines/qwen_image/stages.h"
#include "pipelines/stages/draw_noise.h"

namespace chitu::pipelines::qwen_image {

std::vector<std::int64_t> PrepareLatents::shape(const Request& request) const {
  const std::int64_t side = 2 * spatial_factor;
  return {1, request.height / side * (request.width / side), 4 * channels};
}

graph::Latents PrepareLatents::run(const Job& job, graph::Context& context) const {
  const auto& [height, width] = std::pair(job.request.height, job.request.width);
  const std::vector<std::int64_t> sizes{1, 1, channels, height / spatial_factor,
                                        width / spatial_factor};
  const at::Tensor noise = draw_noise(sizes, job.request.seed);
  const at::Tensor packed = models::pack_latents(noise.squeeze(1));
  context.keep("initial_noise", noise);
  context.keep("initial_latents", packed);
  return {device::move_to(packed, context.plan.device)};
}

graph::Frames DecodeLatents::run(const graph::Latents& input, const Job& job,
                                 graph::Context& context) const {
  const std::int64_t factor = vae->model().config().spatial_factor();
  return decode_frames(*vae,
                       models::unpack_latents(input.latents, job.request.height / factor,
                                              job.request.width / factor),
                       context, ranks.get());
}

}  // namespace chitu::pipelines::qwen_image
