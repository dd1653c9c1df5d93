#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

#include "chitu_core/common/error.h"
#include "chitu_core/models/wan/vae_blended_tiles.h"
#include "chitu_core/models/wan/vae_tiling.h"
#include "tests/models/wan_vae_reference.h"
#include "tests/support/catch.h"

namespace chitu::models {
namespace {

/// Peak signal-to-noise ratio of pictures in -1..1, in dB.
double psnr(const at::Tensor& got, const at::Tensor& exact) {
  REQUIRE(got.sizes() == exact.sizes());
  const double error = (got.to(at::kDouble) - exact.to(at::kDouble)).square().mean().item<double>();
  return 10 * std::log10(4 / std::max(error, 1e-300));
}

TEST_CASE("exact tiles show no seams", "[models]") {
  for (const char* name : {"two_blocks", "three_levels", "residual"}) {
    const VaeCase vae_case(name);
    const at::Tensor latents = at::randn({1, vae_case.vae.config().z_dim, 2, 20, 9},
                                         at::make_generator<at::CPUGeneratorImpl>(5));
    const at::Tensor whole = vae_case.vae.decode(latents);
    for (const std::int64_t side : {8, 17}) {
      CAPTURE(name, side);
      CHECK(psnr(decode_exact_tiles(vae_case.vae, latents, side), whole) > 120);
    }
  }
}

TEST_CASE("the halo is the receptive field, and shrinks", "[models]") {
  const WanVaeConfig published;
  const AutoencoderKLWan vae(published);
  CHECK(vae.decoder().block_halos() == std::vector<std::int64_t>{13, 12, 10, 7});
  CHECK(vae.decoder().halo() == 13);
}

TEST_CASE("a change outside the halo does not reach a tile", "[models]") {
  const VaeCase vae_case("three_levels");
  const std::int64_t halo = vae_case.vae.decoder().halo();
  WanTileWindow window(0, 100, 20, 3, halo);
  CHECK(window.sides() == std::array<std::int64_t, 4>{0, halo, halo, 3});
  window.enlarge();
  CHECK(window.sides() == std::array<std::int64_t, 4>{0, 2 * halo, 2 * halo, 6});
}

TEST_CASE("larger tiles recompute less", "[models]") {
  const AutoencoderKLWan vae{WanVaeConfig{}};
  const auto share = [&](std::int64_t side) { return recomputed_share(vae, 60, 104, side); };
  CHECK(share(8) > share(16));
  CHECK(share(16) > share(32));
  CHECK(share(32) < 0.6);
  CHECK(share(104) == 0);
}

TEST_CASE("blended tiles equal those of diffusers", "[models][parity]") {
  const VaeCase vae_case("blended_tiles");
  const at::Tensor frames =
      decode_blended_tiles(vae_case.vae, vae_case.latents(), {32, 32, 24, 24});
  CHECK(relative_error(frames, vae_case.decoded()) < 2e-5);
  CHECK(relative_error(vae_case.vae.decode(vae_case.latents()), vae_case.decoded()) > 1e-3);
}

TEST_CASE("blended tiles of patches are those of diffusers", "[models][parity]") {
  const VaeCase vae_case("residual_blended_tiles");
  const at::Tensor frames =
      decode_blended_tiles(vae_case.vae, vae_case.latents(), {48, 48, 32, 32});
  CHECK(relative_error(frames, vae_case.decoded()) < 2e-5);
  CHECK(relative_error(vae_case.vae.decode(vae_case.latents()), vae_case.decoded()) > 1e-3);
}

TEST_CASE("tiles that cannot be are refused", "[models]") {
  const VaeCase vae_case("one_block");
  const at::Tensor latents = vae_case.latents();
  CHECK_THROWS_WITH(decode_exact_tiles(vae_case.vae, latents, 7),
                    "vae tiles: expected 8 latents or more a side, got 7");
  CHECK_THROWS_AS(decode_blended_tiles(vae_case.vae, latents, {32, 30, 24, 24}), InputError);
  CHECK_THROWS_WITH(decode_blended_tiles(vae_case.vae, latents, {32, 32, 24, 40}),
                    "vae tiles: expected a stride of at most the width 32, got 40");
}

}  // namespace
}  // namespace chitu::models
