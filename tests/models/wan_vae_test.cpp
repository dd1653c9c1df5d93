#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <set>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/memory/weight_source.h"
#include "chitu_core/memory/weights.h"
#include "chitu_core/models/wan/vae.h"
#include "chitu_core/models/wan/vae_chunks.h"
#include "chitu_core/models/wan/vae_sink.h"
#include "tests/models/wan_vae_reference.h"
#include "tests/support/catch.h"

namespace chitu::models {
namespace {

constexpr double kFloatTolerance = 2e-5;

/// All frames of the first `latent_frames`: decoding is causal, so they are the start of a longer
/// clip's frames.
at::Tensor wanted(const VaeCase& vae_case, std::int64_t latent_frames) {
  const std::int64_t factor = vae_case.vae.config().temporal_factor();
  return vae_case.decoded().narrow(2, 0, 1 + (latent_frames - 1) * factor);
}

at::Tensor first_latents(const VaeCase& vae_case, std::int64_t latent_frames) {
  return vae_case.latents().narrow(2, 0, latent_frames);
}

TEST_CASE("clips of 1, 2, 3 and 5 latent frames decode as in diffusers", "[models][parity]") {
  const VaeCase two_blocks("two_blocks");
  for (const std::int64_t frames : {1, 2, 3, 5}) {
    CAPTURE(frames);
    CHECK(relative_error(two_blocks.vae.decode(first_latents(two_blocks, frames)),
                         wanted(two_blocks, frames)) < kFloatTolerance);
  }
}

TEST_CASE("other depths, widths and factors decode as in diffusers", "[models][parity]") {
  for (const char* name : {"one_block", "three_levels", "residual"}) {
    const VaeCase vae_case(name);
    for (const std::int64_t frames : {1, 2, 3}) {
      CAPTURE(name, frames);
      CHECK(relative_error(vae_case.vae.decode(first_latents(vae_case, frames)),
                           wanted(vae_case, frames)) < kFloatTolerance);
    }
  }
}

TEST_CASE("bfloat16 stays near the reference's float32", "[models][parity]") {
  for (const char* name : {"two_blocks", "one_block", "three_levels", "residual"}) {
    CAPTURE(name);
    const VaeCase vae_case(name, at::kBFloat16);
    const at::Tensor frames = vae_case.vae.decode(vae_case.latents());
    CHECK(frames.scalar_type() == at::kBFloat16);
    CHECK(relative_error(frames, vae_case.decoded()) < 6e-2);
  }
}

TEST_CASE("float16 decodes, too", "[models][parity]") {
  const VaeCase vae_case("one_block", at::kHalf);
  CHECK(relative_error(vae_case.vae.decode(vae_case.latents()), vae_case.decoded()) < 1e-2);
}

TEST_CASE("trap 10: the first frame is zeros, not itself, to the temporal upsampler",
          "[models][parity]") {
  const VaeCase vae_case("one_block");
  const at::Tensor second_chunk = vae_case.vae.decode(first_latents(vae_case, 2)).narrow(2, 1, 4);
  CHECK(relative_error(second_chunk, vae_case.decoded().narrow(2, 1, 4)) < kFloatTolerance);
  // The first latent frame influences the second chunk's pictures only through the other
  // convolutions.
  at::Tensor latents = first_latents(vae_case, 2).clone();
  latents.narrow(2, 0, 1).zero_();
  CHECK(relative_error(vae_case.vae.decode(latents).narrow(2, 1, 4), second_chunk) > 1e-3);
}

TEST_CASE("trap 11: two frames, not one, reach the next chunk", "[models][parity]") {
  const VaeCase vae_case("two_blocks");
  const at::Tensor frames = vae_case.vae.decode(vae_case.latents());
  for (const std::int64_t chunk : {1, 2, 3, 4}) {
    CAPTURE(chunk);
    const std::int64_t first = 1 + 4 * (chunk - 1);
    CHECK(relative_error(frames.narrow(2, first, 4), vae_case.decoded().narrow(2, first, 4)) <
          kFloatTolerance);
  }
}

TEST_CASE("trap 18: latents are multiplied by their deviation, then the mean is added",
          "[models][parity]") {
  const VaeCase vae_case("one_block");
  CHECK(at::equal(vae_case.vae.denormalize(vae_case.latents()),
                  vae_case.reference.tensor("vae_input")));
}

TEST_CASE("trap 19: pictures are rounded half to even, not truncated", "[models]") {
  // 0.5, 1.5, 2.5 and 254.6 of 255, in values that float32 represents closely enough to hit the
  // half.
  const at::Tensor steps = at::tensor({0.5, 1.5, 2.5, 254.6, -3.0, 300.0}, at::kDouble);
  at::Tensor x = ((steps / 255 - 0.5) * 2).to(at::kFloat);
  const at::Tensor pictures = frames_to_uint8(x.view({1, 1, 1, 1, 6}).expand({1, 3, 1, 1, 6}));
  const at::Tensor exact = (x / 2 + 0.5).clamp(0, 1) * 255;
  CHECK(at::equal(pictures[0][0].select(-1, 0), at::round(exact).to(at::kByte)));
  CHECK(pictures[0][0][3][0].item<int>() == 255);
  CHECK(pictures[0][0][4][0].item<int>() == 0);
  CHECK(pictures[0][0][5][0].item<int>() == 255);
}

TEST_CASE("an exact half is rounded to the even neighbour", "[models]") {
  CHECK(frames_to_uint8(at::zeros({1, 3, 1, 1, 1}))[0][0][0][0].item<int>() == 128);  // 127.5
}

TEST_CASE("pictures have the memory layout that a writer needs", "[models]") {
  const at::Tensor frames = at::rand({1, 3, 2, 4, 5});
  const at::Tensor pictures = frames_to_uint8(frames);
  CHECK(pictures.sizes() == at::IntArrayRef{2, 4, 5, 3});
  CHECK(pictures.is_contiguous());
  CHECK(at::equal(frames_to_uint8(frames.contiguous(at::MemoryFormat::ChannelsLast3d)), pictures));
  CHECK_THROWS_AS(frames_to_uint8(at::zeros({2, 3, 1, 1, 1})), ShapeError);
}

/// Keeps the parts of a decode.
struct Chunks final : FrameSink {
  void take(const DecodedPart& part) override { frames.push_back(part.frames); }
  std::vector<at::Tensor> frames;
};

TEST_CASE("chunks put together equal the whole clip, bit for bit", "[models]") {
  for (const char* name : {"two_blocks", "one_block", "three_levels"}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      CAPTURE(name, dtype);
      const VaeCase vae_case(name, dtype);
      Chunks chunks;
      vae_case.vae.decode(vae_case.latents(), chunks);
      CHECK(chunks.frames.size() > 1);
      CHECK(chunks.frames.front().size(2) == 1);
      const at::Tensor whole = vae_case.vae.decode(vae_case.latents());
      CHECK(at::equal(at::cat(chunks.frames, 2), whole));
      CHECK(vae_case.vae.frames_shape(vae_case.latents()) == whole.sizes().vec());
    }
  }
}

TEST_CASE("the last chunk of a clip leaves nothing in the caches", "[models]") {
  const VaeCase vae_case("two_blocks");
  const AutoencoderKLWan& vae = vae_case.vae;
  for (const std::int64_t frames : {1, 3}) {
    CAPTURE(frames);
    const at::Tensor input = vae.decoder_input(vae.denormalize(first_latents(vae_case, frames)));
    nn::FeatureCache low, high;
    for_each_chunk(frames, 1, {&low, &high}, [&](std::int64_t first, std::int64_t count) {
      vae.decoder().chunk(input.narrow(1, first, count), low, high, first == 0);
      CHECK((low.bytes() + high.bytes() == 0) == (first + count == frames));
    });
  }
}

TEST_CASE("the clips of a batch decode as each alone", "[models]") {
  const VaeCase vae_case("one_block");
  const at::Tensor latents = vae_case.latents();
  const at::Tensor both = vae_case.vae.decode(at::cat({latents, -latents}));
  CHECK(relative_error(both.narrow(0, 0, 1), vae_case.decoded()) < kFloatTolerance);
  CHECK(relative_error(both.narrow(0, 1, 1), vae_case.vae.decode(-latents)) < kFloatTolerance);
}

TEST_CASE("decoding twice, on one thread or two, gives the same bits", "[models]") {
  const VaeCase vae_case("two_blocks");
  const at::Tensor latents = vae_case.latents().repeat({1, 1, 1, 3, 4});
  const at::Tensor once = vae_case.vae.decode(latents);
  CHECK(at::equal(vae_case.vae.decode(latents), once));
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  CHECK(at::equal(vae_case.vae.decode(latents), once));
  at::set_num_threads(threads);
}

TEST_CASE("latents of another shape are refused", "[models]") {
  const VaeCase vae_case("one_block");
  CHECK_THROWS_AS(vae_case.vae.decode(at::zeros({1, 4, 1, 2, 2})), ShapeError);
  CHECK_THROWS_WITH(vae_case.vae.decode(at::zeros({5, 1, 2, 2})),
                    "vae: expected latents [B, 5, T, h, w], got [5, 1, 2, 2]");
}

TEST_CASE("the published decoder has 73,295,603 weights", "[models]") {
  WanVaeConfig config;
  const AutoencoderKLWan vae(config);
  CHECK(vae.parameter_count() == 73'295'603);
  std::set<std::string> names;
  vae.visit_parameters(
      [&](const std::string& name, const memory::Parameter&) { names.insert(name); });
  for (const char* name :
       {"post_quant_conv.weight", "decoder.conv_in.bias", "decoder.mid_block.resnets.1.norm2.gamma",
        "decoder.mid_block.attentions.0.to_qkv.weight",
        "decoder.up_blocks.1.resnets.0.conv_shortcut.weight",
        "decoder.up_blocks.0.upsamplers.0.time_conv.weight",
        "decoder.up_blocks.2.upsamplers.0.resample.1.weight",
        "decoder.up_blocks.3.resnets.2.conv2.bias", "decoder.norm_out.gamma"})
    CHECK(names.count(name) == 1);
}

TEST_CASE("the published autoencoder of Wan 2.2 has 555,051,580 weights to decode with",
          "[models]") {
  WanVaeConfig config;
  config.base_dim = 256;
  config.z_dim = 48;
  config.is_residual = true;
  config.patch_size = 2;
  const AutoencoderKLWan vae(config);
  CHECK(vae.parameter_count() == 555'051'580);
  CHECK(config.spatial_factor() == 16);
  std::set<std::string> names;
  vae.visit_parameters(
      [&](const std::string& name, const memory::Parameter&) { names.insert(name); });
  for (const char* name : {"decoder.up_blocks.0.upsampler.time_conv.weight",
                           "decoder.up_blocks.2.upsampler.resample.1.weight"})
    CHECK(names.count(name) == 1);
}

TEST_CASE("a plan has the shapes without weights", "[models]") {
  WanVaeConfig config;
  config.latents_mean.assign(16, 0);
  config.latents_std.assign(16, 1);
  AutoencoderKLWan vae(config);
  device::register_sim();
  const device::DryRun dry_run({});
  const c10::Device device = device::DryRun::device();
  memory::bind_weights(vae, memory::DryRunWeights(nullptr, at::kFloat), {device, at::kBFloat16});
  const at::Tensor frames =
      vae.decode(at::zeros({1, 16, 3, 60, 104}, at::TensorOptions().device(device)));
  CHECK(frames.sizes() == at::IntArrayRef{1, 3, 9, 480, 832});
}

}  // namespace
}  // namespace chitu::models
