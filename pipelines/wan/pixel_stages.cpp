#include <ATen/ATen.h>

#include "chitu_core/device/planning.h"
#include "chitu_core/models/wan/vae_tiling.h"
#include "pipelines/wan/stages.h"

namespace chitu::pipelines::wan {

namespace {

/// Takes decoded chunks as they come. As pictures they need a quarter of what they need as float32,
/// so only a dump keeps them as they are.
class Frames {
 public:
  explicit Frames(pipeline::Context& context) : context_(context) {}

  void add(const at::Tensor& decoded) {
    pictures_.push_back(models::frames_to_uint8(decoded).to(device::host()));
    if (context_.dump) decoded_.push_back(decoded.to(at::kCPU, at::kFloat));
    context_.check_stop();
  }

  pipeline::Frames take() {
    if (context_.dump) context_.keep("decoded", at::cat(decoded_, 2));
    pipeline::Frames frames{at::cat(pictures_)};
    context_.keep("frames", frames.frames);
    return frames;
  }

 private:
  pipeline::Context& context_;
  std::vector<at::Tensor> pictures_, decoded_;
};

}  // namespace

pipeline::Frames DecodeLatents::run(const pipeline::Latents& input,
                                    pipeline::Context& context) const {
  const at::Tensor latents = input.latents.to(context.plan.vae.device);
  Frames frames(context);
  const auto& plan = context.plan;
  if (plan.vae_tiling != memory::VaeTiling::off) {
    if (context.dump) context.keep("vae_input", vae->model().denormalize(latents));
    frames.add(plan.vae_tiling == memory::VaeTiling::exact
                   ? models::decode_exact_tiles(vae->model(), latents, plan.vae_tile_latents)
                   : models::decode_blended_tiles(vae->model(), latents, {}));
    return frames.take();
  }
  models::WanVaeDecoding decoding(vae->model(), latents);
  context.keep("vae_input", decoding.vae_input());
  while (const auto chunk = decoding.next_chunk()) frames.add(*chunk);
  return frames.take();
}

}  // namespace chitu::pipelines::wan
