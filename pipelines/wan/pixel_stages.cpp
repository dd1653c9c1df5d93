#include <ATen/ATen.h>

#include "pipelines/wan/stages.h"

namespace chitu::pipelines::wan {

pipeline::Frames DecodeLatents::run(const pipeline::Latents& latents,
                                    pipeline::Context& context) const {
  models::WanVaeDecoding decoding(vae->model(), latents.latents.to(context.plan.vae.device));
  context.keep("vae_input", decoding.vae_input());

  // As pictures, a chunk takes a quarter of what it takes as float32: convert as they come.
  std::vector<at::Tensor> pictures, decoded;
  while (const auto chunk = decoding.next_chunk()) {
    pictures.push_back(models::frames_to_uint8(*chunk).to(at::kCPU));
    if (context.dump) decoded.push_back(chunk->to(at::kCPU, at::kFloat));
    context.check_stop();
  }
  pipeline::Frames frames{at::cat(pictures)};
  if (context.dump) context.keep("decoded", at::cat(decoded, 2));
  context.keep("frames", frames.frames);
  return frames;
}

}  // namespace chitu::pipelines::wan
