#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/models/wan/vae_blended_tiles.h"
#include "chitu_core/models/wan/vae_sink.h"
#include "chitu_core/models/wan/vae_tiling.h"
#include "tests/models/wan_vae_reference.h"
#include "tests/support/catch.h"

namespace chitu::models {
namespace {

/// The ways to decode into a sink.
using Way = std::function<void(const AutoencoderKLWan&, const at::Tensor&, FrameSink&)>;

void untiled(const AutoencoderKLWan& vae, const at::Tensor& latents, FrameSink& sink) {
  vae.decode(latents, sink);
}
void in_exact_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents, FrameSink& sink) {
  decode_exact_tiles(vae, latents, kSmallestVaeTile, sink);
}
void in_blended_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents, FrameSink& sink) {
  decode_blended_tiles(vae, latents, {32, 32, 24, 24}, sink);
}
/// Tiles that overlap several others, the last ones smaller than what they overlap with.
void in_small_steps(const AutoencoderKLWan& vae, const at::Tensor& latents, FrameSink& sink) {
  decode_blended_tiles(vae, latents, {32, 40, 8, 16}, sink);
}

at::Tensor random_latents(const VaeCase& vae_case, std::int64_t frames, std::int64_t height,
                          std::int64_t width) {
  return at::randn({1, vae_case.vae.config().z_dim, frames, height, width},
                   at::make_generator<at::CPUGeneratorImpl>(5));
}

/// Counts how often each pixel of [F, H, W] was passed on.
struct Count final : FrameSink {
  explicit Count(const std::vector<std::int64_t>& shape)
      : times(at::zeros({shape[2], shape[3], shape[4]}, at::kInt)) {}
  void take(const DecodedPart& part) override {
    CHECK(part.frames.size(1) == 3);
    part.place_in(times, 0).add_(1);
    ++parts;
  }
  at::Tensor times;
  int parts = 0;
};

TEST_CASE("parts cover every pixel of every frame once", "[models]") {
  const VaeCase vae_case("two_blocks");
  const at::Tensor latents = random_latents(vae_case, 3, 20, 9);
  for (const auto& [name, decode] :
       std::vector<std::pair<const char*, Way>>{{"untiled", untiled},
                                                {"exact", in_exact_tiles},
                                                {"blended", in_blended_tiles},
                                                {"small steps", in_small_steps}}) {
    CAPTURE(name);
    Count count(vae_case.vae.frames_shape(latents));
    decode(vae_case.vae, latents, count);
    CHECK((count.times == 1).all().item<bool>());
    CHECK(count.parts > 1);
  }
}

TEST_CASE("the parts make up the clip", "[models]") {
  const VaeCase vae_case("two_blocks");
  const at::Tensor latents = random_latents(vae_case, 3, 20, 9);
  WholeClip untiled_clip(vae_case.vae.frames_shape(latents));
  vae_case.vae.decode(latents, untiled_clip);
  CHECK(at::equal(untiled_clip.frames(), vae_case.vae.decode(latents)));
  CHECK(untiled_clip.frames().permute({0, 2, 3, 4, 1}).is_contiguous());
  WholeClip tiled_clip(vae_case.vae.frames_shape(latents));
  decode_exact_tiles(vae_case.vae, latents, 8, tiled_clip);
  CHECK(at::equal(tiled_clip.frames(), decode_exact_tiles(vae_case.vae, latents, 8)));
}

/// One tile as diffusers decodes it, all frames, not clamped: [B, F, H, W, 3].
at::Tensor whole_tile(const AutoencoderKLWan& vae, const at::Tensor& input) {
  nn::FeatureCache low, high;
  std::vector<at::Tensor> frames;
  const std::int64_t most = vae.chunk_frames(input.size(2), input.size(3));
  for (std::int64_t first = 0, count = 1; first < input.size(1);
       first += count, count = std::min(most, input.size(1) - first))
    frames.push_back(vae.decoder().high_resolution(
        vae.decoder().low_resolution(input.narrow(1, first, count), low), high, first == 0));
  return at::cat(frames, 1);
}

/// As in diffusers: row by row, with the whole neighbouring tile kept.
void blend(const at::Tensor& neighbour, const at::Tensor& tile, std::int64_t dim,
           std::int64_t overlap) {
  const std::int64_t extent = std::min({neighbour.size(dim), tile.size(dim), overlap});
  for (std::int64_t i = 0; i < extent; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(extent);
    at::Tensor line = tile.select(dim, i);
    line.copy_(neighbour.select(dim, neighbour.size(dim) - extent + i) * (1 - share) +
               line * share);
  }
}

at::Tensor blended_whole(const AutoencoderKLWan& vae, const at::Tensor& latents,
                         const WanBlendedTiles& tiles) {
  const at::Tensor input = vae.decoder_input(vae.denormalize(latents));
  const std::int64_t factor = vae.config().spatial_factor();
  const std::int64_t down = tiles.stride_height / factor, right = tiles.stride_width / factor;
  std::vector<std::vector<at::Tensor>> rows;
  std::vector<at::Tensor> pictures;
  for (std::int64_t top = 0; top < input.size(2); top += down) {
    std::vector<at::Tensor> row, shown;
    for (std::int64_t left = 0; left < input.size(3); left += right) {
      const std::int64_t height = std::min(tiles.height / factor, input.size(2) - top);
      const std::int64_t width = std::min(tiles.width / factor, input.size(3) - left);
      const at::Tensor tile =
          whole_tile(vae, input.narrow(2, top, height).narrow(3, left, width).contiguous());
      if (top > 0) blend(rows.back()[row.size()], tile, 2, tiles.height - tiles.stride_height);
      if (left > 0) blend(row.back(), tile, 3, tiles.width - tiles.stride_width);
      row.push_back(tile);
      shown.push_back(tile.slice(2, 0, tiles.stride_height).slice(3, 0, tiles.stride_width));
    }
    rows.push_back(row);
    pictures.push_back(at::cat(shown, 3));
  }
  return at::cat(pictures, 2).clamp(-1, 1).permute({0, 4, 1, 2, 3});
}

TEST_CASE("blending with edges alone gives the bits of blending with whole tiles", "[models]") {
  const VaeCase vae_case("two_blocks");
  const at::Tensor latents = random_latents(vae_case, 3, 11, 7);
  for (const WanBlendedTiles& tiles :
       {WanBlendedTiles{32, 32, 24, 24}, WanBlendedTiles{32, 40, 8, 16},
        WanBlendedTiles{24, 32, 24, 32}}) {
    CAPTURE(tiles.height, tiles.width, tiles.stride_height, tiles.stride_width);
    CHECK(at::equal(decode_blended_tiles(vae_case.vae, latents, tiles),
                    blended_whole(vae_case.vae, latents, tiles)));
  }
}

/// Keeps nothing, like a sink that moves parts away.
struct Drop final : FrameSink {
  void take(const DecodedPart&) override {}
};

TEST_CASE("a tiled decode keeps no part of the clip on the device", "[models]") {
  const c10::InferenceMode inference;
  const c10::Device sim = device::configure_sim({});
  VaeCase vae_case("two_blocks");
  memory::bind_weights(vae_case.vae, memory::FileWeights(vae_case.folder), {sim, at::kFloat});
  const at::Tensor latents = random_latents(vae_case, 9, 20, 20).to(sim);
  const auto shape = vae_case.vae.frames_shape(latents);
  const auto peak = [&](const Way& decode, FrameSink&& sink) {
    device::reset_peak(sim);
    decode(vae_case.vae, latents, sink);
    return device::memory_use(sim).peak_bytes;
  };
  const std::int64_t clip_bytes = shape[1] * shape[2] * shape[3] * shape[4] * 4;
  for (const Way& decode : {Way(in_exact_tiles), Way(in_blended_tiles)})
    CHECK(peak(decode, WholeClip(shape)) == peak(decode, Drop()) + clip_bytes);
}

/// Ends a decode at one of its checks.
struct Stop final : FrameSink {
  explicit Stop(int at_check) : left(at_check) {}
  void take(const DecodedPart&) override { ++parts; }
  void check_stop() override {
    if (left-- == 0) throw Interrupted("interrupted");
  }
  int left, parts = 0;
};

TEST_CASE("a decode stops before the next chunk after a stop request", "[models]") {
  const VaeCase vae_case("two_blocks");
  const at::Tensor latents = random_latents(vae_case, 3, 40, 40);
  REQUIRE(vae_case.vae.chunk_frames(40, 40) < 3);
  for (const Way& decode : {Way(untiled), Way(in_blended_tiles)}) {
    Stop stop(2);
    CHECK_THROWS_AS(decode(vae_case.vae, latents, stop), Interrupted);
    CHECK(stop.parts == 2);
  }
  Stop low_resolution(1);  // before any tile
  CHECK_THROWS_AS(in_exact_tiles(vae_case.vae, latents, low_resolution), Interrupted);
  CHECK(low_resolution.parts == 0);
  Stop tiles(6);
  CHECK_THROWS_AS(in_exact_tiles(vae_case.vae, latents, tiles), Interrupted);
  CHECK(tiles.parts > 0);
}

}  // namespace
}  // namespace chitu::models
