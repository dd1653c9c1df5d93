#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/models/wan/vae_encode.h"
#include "tests/models/reference.h"
#include "tests/support/catch.h"

namespace chitu::models {
namespace {

/// One case of tests/data/vae with the encoder's weights.
struct EncoderCase {
  explicit EncoderCase(const std::string& name, at::ScalarType dtype = at::kFloat)
      : folder(fmt::format("{}/vae/{}", CHITU_TEST_DATA, name)),
        vae(WanVaeEncoderConfig::from_json(
            io::JsonObject::read(fmt::format("{}/config.json", folder)))),
        reference(fmt::format("{}/reference.safetensors", folder)) {
    memory::bind_weights(vae, memory::FileWeights(folder), {c10::kCPU, dtype});
  }

  std::string folder;
  AutoencoderKLWanEncoder vae;
  io::SafetensorsFile reference;
};

/// frames [1, 3, F, H, W].
WanClip clip_of(const at::Tensor& frames) {
  return {frames.size(2), frames.size(3), frames.size(4),
          [frames](std::int64_t first, std::int64_t count) {
            return frames.narrow(2, first, count).permute({0, 2, 3, 4, 1}).contiguous();
          }};
}

at::Tensor random_frames(std::int64_t frames, std::int64_t height, std::int64_t width) {
  return at::rand({1, 3, frames, height, width}, at::make_generator<at::CPUGeneratorImpl>(7)) * 2 -
         1;
}

/// Peak signal-to-noise ratio of latents with a spread of about 1, in dB.
double psnr(const at::Tensor& got, const at::Tensor& exact) {
  REQUIRE(got.sizes() == exact.sizes());
  const double error = (got.to(at::kDouble) - exact.to(at::kDouble)).square().mean().item<double>();
  const double peak = exact.abs().max().item<double>();
  return 10 * std::log10(peak * peak / std::max(error, 1e-300));
}

const char* const kCases[] = {"encoder", "residual_encoder"};

TEST_CASE("encoded clips equal those of diffusers", "[models][parity]") {
  for (const char* name : kCases) {
    CAPTURE(name);
    const EncoderCase one(name);
    const at::Tensor encoded = one.vae.encode(clip_of(one.reference.tensor("clip")));
    CHECK(encoded.scalar_type() == at::kFloat);
    CHECK(relative_error(encoded, one.reference.tensor("encoded")) < 2e-5);
  }
}

TEST_CASE("a clip is encoded the same in bfloat16 up to its precision", "[models]") {
  const EncoderCase one("encoder", at::kBFloat16);
  const at::Tensor encoded = one.vae.encode(clip_of(one.reference.tensor("clip")));
  CHECK(relative_error(encoded, one.reference.tensor("encoded")) < 5e-2);
}

TEST_CASE("encoding in exact tiles is encoding whole", "[models]") {
  for (const char* name : kCases) {
    const EncoderCase one(name);
    const std::int64_t factor = one.vae.config().vae.spatial_factor();
    const WanClip clip = clip_of(random_frames(9, 20 * factor, 9 * factor));
    const at::Tensor whole = one.vae.encode(clip);
    for (const std::int64_t side : {8, 17}) {
      CAPTURE(name, side);
      CHECK(psnr(one.vae.encode_exact_tiles(clip, side), whole) > 120);
    }
    CHECK(at::equal(one.vae.encode_exact_tiles(clip, 20), whole));
  }
}

TEST_CASE("the encoder's halo is its receptive field", "[models]") {
  const AutoencoderKLWanEncoder published{WanVaeEncoderConfig{}};
  CHECK(published.encoder().block_halos() == std::vector<std::int64_t>{74, 34, 14, 4});
  CHECK(published.encoder().halo() == 75);
}

TEST_CASE("pixels outside the halo do not reach a tile, those at its edge do", "[models]") {
  const EncoderCase one("encoder");
  const WanEncoder3d& encoder = one.vae.encoder();
  const std::int64_t factor = one.vae.config().vae.spatial_factor(), halo = encoder.halo();
  const at::Tensor frames = random_frames(1, 8, 32 * factor).permute({0, 2, 3, 4, 1}).contiguous();
  const auto hidden = [&](const at::Tensor& pictures) {
    nn::FeatureCache cache;
    return encoder.high_resolution(pictures, cache, true);
  };
  const at::Tensor kept = hidden(frames).select(3, 16);
  // What is not a number stays so through every product and sum: it marks all that it reaches.
  const auto reaches = [&](std::int64_t column) {
    at::Tensor changed = frames.clone();
    changed.select(3, column).fill_(std::nan(""));
    const at::Tensor latents = hidden(changed).select(3, 16);
    const bool touched = latents.isnan().any().item<bool>();
    if (!touched) CHECK(at::equal(latents, kept));
    return touched;
  };
  // A latent in the middle covers the columns 16 * factor to 17 * factor - 1. A downsampling reads
  // nothing to the left, and an odd number of positions to the right: each leaves one unused.
  CHECK_FALSE(reaches(16 * factor - 1 - halo));
  CHECK_FALSE(reaches(17 * factor + halo));
  CHECK(reaches(17 * factor + halo - factor));
  CHECK_FALSE(reaches(17 * factor + halo - factor + 1));
}

TEST_CASE("frames are made when they are needed, each once", "[models]") {
  const EncoderCase one("encoder");
  const at::Tensor frames = random_frames(13, 16, 16);
  WanClip clip = clip_of(frames);
  std::int64_t next = 0, stops = 0;
  clip.pictures = [&, pictures = clip.pictures](std::int64_t first, std::int64_t count) {
    CHECK(first == next);
    next += count;
    return pictures(first, count);
  };
  clip.check_stop = [&] { ++stops; };
  one.vae.encode(clip);
  CHECK(next == 13);
  CHECK(stops > 0);
}

TEST_CASE("clips and tiles that cannot be encoded are refused", "[models]") {
  const EncoderCase one("encoder");
  CHECK_THROWS_WITH(one.vae.encode(clip_of(random_frames(4, 16, 16))),
                    "vae: expected a clip of 4k + 1 frames with sides that are multiples of 8, got "
                    "4 of 16x16");
  CHECK_THROWS_AS(one.vae.encode(clip_of(random_frames(5, 12, 16))), ShapeError);
  CHECK_THROWS_WITH(one.vae.encode_exact_tiles(clip_of(random_frames(5, 16, 16)), 7),
                    "vae tiles: expected 8 latents or more a side, got 7");
}

TEST_CASE("what the encoder does not support is named", "[models]") {
  const auto read = [](const nlohmann::json& changes) {
    auto json = io::read_json(std::string(CHITU_TEST_DATA) + "/vae/encoder/config.json");
    json.update(changes);
    return WanVaeEncoderConfig::from_json({"vae/config.json", json});
  };
  CHECK_THROWS_WITH(read({{"attn_scales", {0.5}}}),
                    Catch::ContainsSubstring("attn_scales: expected []: attention amid the down "
                                             "blocks is not supported"));
  CHECK_THROWS_WITH(read({{"in_channels", 4}}),
                    Catch::ContainsSubstring("in_channels: expected 3: red, green and blue"));
  CHECK(read({{"base_dim", 6}, {"decoder_base_dim", 3}}).base_dim == 6);
  CHECK(read({{"base_dim", 6}, {"decoder_base_dim", 3}}).vae.base_dim == 3);
}

}  // namespace
}  // namespace chitu::models
