#include "pipelines/stages/decode_frames.h"

#include <ATen/ATen.h>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/models/wan/vae_blended_tiles.h"
#include "chitu_core/models/wan/vae_tile_ranks.h"
#include "chitu_core/models/wan/vae_tiling.h"
#include "pipelines/stages/check_finite.h"

namespace chitu::pipelines {
namespace {

/// Copies decoded parts to the host as they arrive. As uint8 pictures they take a quarter of their
/// float32 size, so only a dump keeps them in float32.
class Pictures final : public models::FrameSink {
 public:
  /// shape  [1, 3, F, H, W] of the clip
  Pictures(graph::Context& context, const memory::ComponentPlan& plan,
           const std::vector<std::int64_t>& shape)
      : context_(context),
        plan_(plan),
        pictures_(at::empty({shape[2], shape[3], shape[4], 3},
                            at::TensorOptions().dtype(at::kByte).device(device::host()))) {
    if (context.dump) decoded_ = at::empty(shape, at::kFloat);
  }

  void take(const models::DecodedPart& part) override {
    part.place_in(pictures_, 0)
        .copy_(device::move_to(models::frames_to_uint8(part.frames), device::host()));
    if (context_.dump) part.place_in(decoded_, 2).copy_(part.frames.to(at::kCPU, at::kFloat));
  }

  void check(const at::Tensor& decoded) override {
    check_finite(decoded, "the frames",
                 [&] { return dtype_advice("vae", plan_, "infer.vae_dtype"); });
  }

  void check_stop() override { context_.check_stop(); }

  graph::Frames finish(const models::WanTileRanks& ranks) const {
    ranks.gather(pictures_, 0);
    if (context_.dump) ranks.gather(decoded_, 2);
    if (context_.dump) context_.keep("decoded", decoded_);
    context_.keep("frames", pictures_);
    return {pictures_};
  }

 private:
  graph::Context& context_;
  const memory::ComponentPlan& plan_;
  at::Tensor pictures_;  ///< [F, H, W, 3] uint8 on the host
  at::Tensor decoded_;   ///< [1, 3, F, H, W] float32 on the host, for a dump
};

models::WanTileRanks tile_ranks(parallel::Communicator* ranks, const models::AutoencoderKLWan& vae,
                                const at::Tensor& latents, const memory::MemoryPlan& plan) {
  const bool exact = plan.vae_tiling == memory::VaeTiling::exact;
  return {plan.vae_tiling == memory::VaeTiling::blend ? nullptr : ranks, latents.size(3),
          latents.size(4), vae.config().spatial_factor(),
          exact ? std::optional(plan.vae_tile_latents) : std::nullopt};
}

void decode(const models::AutoencoderKLWan& vae, const at::Tensor& latents,
            const memory::MemoryPlan& plan, const models::WanTileRanks& ranks,
            models::FrameSink& sink) {
  if (ranks.are_divided())
    return models::decode_exact_tiles(vae, latents, ranks.side(), sink, ranks.share());
  switch (plan.vae_tiling) {
    case memory::VaeTiling::off:
      return vae.decode(latents, sink);
    case memory::VaeTiling::exact:
      return models::decode_exact_tiles(vae, latents, plan.vae_tile_latents, sink);
    case memory::VaeTiling::blend:
      return models::decode_blended_tiles(vae, latents, {}, sink);
  }
}

}  // namespace

graph::Frames decode_frames(const memory::ModelComponent<models::AutoencoderKLWan>& vae,
                            const at::Tensor& input, graph::Context& context,
                            parallel::Communicator* ranks) {
  const models::AutoencoderKLWan& model = vae.model();
  const memory::ComponentPlan& plan = context.plan.component(vae.name());
  const at::Tensor latents = device::move_to(input, plan.device);
  if (context.dump) context.keep("vae_input", model.denormalize(latents));
  Pictures pictures(context, plan, model.frames_shape(latents));
  const models::WanTileRanks tiles = tile_ranks(ranks, model, latents, context.plan);
  decode(model, latents, context.plan, tiles, pictures);
  return pictures.finish(tiles);
}

double recomputed_share(const models::AutoencoderKLWan& vae, const Request& request,
                        const memory::MemoryPlan& plan) {
  if (plan.vae_tiling != memory::VaeTiling::exact) return 0;
  const std::int64_t factor = vae.config().spatial_factor();
  return models::recomputed_share(vae, request.height / factor, request.width / factor,
                                  plan.vae_tile_latents);
}

}  // namespace chitu::pipelines
