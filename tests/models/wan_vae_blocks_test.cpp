#include <ATen/ATen.h>

#include "chitu_core/models/wan/vae_blocks.h"
#include "tests/models/reference.h"
#include "tests/support/catch.h"

namespace chitu::models {
namespace {

void bind(memory::Module& module, const std::string& wanted, const at::Tensor& tensor) {
  bool found = false;
  module.visit_parameters([&](const std::string& name, memory::Parameter& parameter) {
    if (name != wanted) return;
    REQUIRE(tensor.sizes() == at::IntArrayRef(parameter.shape));
    parameter.tensor = tensor.contiguous(parameter.memory_format);
    found = true;
  });
  REQUIRE(found);
}

at::Tensor silu_of_norm(const at::Tensor& x, const at::Tensor& gamma) {
  const at::Tensor wide = x.to(at::kDouble);
  const double channels = static_cast<double>(x.size(-1));
  const at::Tensor length = at::linalg_vector_norm(wide, 2, -1, true).clamp_min(1e-12);
  return at::silu(wide / length * std::sqrt(channels) * gamma.to(at::kDouble).flatten());
}

TEST_CASE("norm and activation in one pass equal those in two", "[models]") {
  for (const std::int64_t channels : {1, 3, 8, 20, 96, 384, 5000}) {
    CAPTURE(channels);
    WanRmsNorm norm(channels, 3);
    const at::Tensor gamma = 1 + 0.3 * at::randn({channels, 1, 1, 1});
    bind(norm, "gamma", gamma);
    at::Tensor x = 3 * at::randn({2, 2, 3, 5, channels});
    x.select(1, 0).select(1, 0).zero_();  // a position of length 0 stays 0
    // The last frames of a larger buffer, as a convolution's window has them.
    at::Tensor window = at::zeros({2, 4, 3, 5, channels});
    at::Tensor frames = window.narrow(1, 2, 2);
    norm.silu_into(x, frames);
    CHECK(relative_error(frames, silu_of_norm(x, gamma)) < 5e-7);
    CHECK(window.narrow(1, 0, 2).count_nonzero().item<std::int64_t>() == 0);
  }
}

TEST_CASE("the norm's activation handles both ends of float32 without a NaN", "[models]") {
  WanRmsNorm norm(4, 3);
  bind(norm, "gamma", at::tensor({1.0F, 60.0F, 200.0F, 1e30F}).view({4, 1, 1, 1}));
  const at::Tensor x = at::tensor({1.0F, -1.0F, 1.0F, -1.0F}).view({1, 1, 1, 1, 4});
  at::Tensor out = at::empty_like(x);
  norm.silu_into(x, out);
  CHECK(out.isfinite().all().item<bool>());
  CHECK(relative_error(
            out.narrow(-1, 0, 3),
            at::silu(at::tensor({1.0, -60.0, 200.0}, at::kDouble)).view({1, 1, 1, 1, 3})) < 1e-6);
  CHECK(out[0][0][0][0][3].item<float>() == Approx(0).margin(1e-6));
}

TEST_CASE("bfloat16 is normalised in float32 and rounded once", "[models]") {
  WanRmsNorm norm(48, 3);
  const at::Tensor gamma = (1 + 0.3 * at::randn({48, 1, 1, 1})).to(at::kBFloat16);
  bind(norm, "gamma", gamma);
  const at::Tensor x = at::randn({1, 1, 8, 8, 48}).to(at::kBFloat16);
  at::Tensor out = at::empty_like(x);
  norm.silu_into(x, out);
  const at::Tensor rounded = silu_of_norm(x, gamma).to(at::kBFloat16);
  CHECK(out.ne(rounded).sum().item<double>() < 0.005 * static_cast<double>(out.numel()));
  CHECK(relative_error(norm.forward(x), norm.forward(x.to(at::kFloat))) < 3e-3);
}

TEST_CASE("trap 12: the first half of the channels is the earlier frame, not the even channels",
          "[models]") {
  WanResample resample(2, 1, true);
  // time_conv: the earlier frame is x, the later 10 x; then the centre tap sums both channels.
  at::Tensor time = at::zeros({4, 2, 3, 1, 1});
  for (int c = 0; c < 2; ++c) {
    time[c][c][2][0][0] = 1;
    time[2 + c][c][2][0][0] = 10;
  }
  at::Tensor centre = at::zeros({1, 2, 3, 3});
  centre[0][0][1][1] = 1;
  centre[0][1][1][1] = 100;
  bind(resample, "time_conv.weight", time);
  bind(resample, "time_conv.bias", at::zeros({4}));
  bind(resample, "resample.1.weight", centre);
  bind(resample, "resample.1.bias", at::zeros({1}));
  nn::FeatureCache cache;
  const at::Tensor x = at::tensor({1.0F, 2.0F, 3.0F, 4.0F}).view({1, 2, 1, 1, 2});
  const at::Tensor frames = resample.forward(x, cache, false);
  REQUIRE(frames.sizes() == at::IntArrayRef{1, 4, 2, 2, 1});
  CHECK(at::equal(frames.select(2, 0).select(2, 0).flatten(),
                  at::tensor({201.0F, 2010.0F, 403.0F, 4030.0F})));
}

TEST_CASE("trap 10: the temporal upsampler never sees the clip's first frame", "[models]") {
  WanResample resample(2, 1, true);
  bind(resample, "time_conv.weight", at::randn({4, 2, 3, 1, 1}));
  bind(resample, "time_conv.bias", at::randn({4}));
  bind(resample, "resample.1.weight", at::randn({1, 2, 3, 3}));
  bind(resample, "resample.1.bias", at::randn({1}));
  const auto second_chunk = [&](const at::Tensor& first) {
    nn::FeatureCache cache;
    CHECK(resample.forward(first, cache, true).size(1) == 1);
    CHECK(cache.bytes() == 0);
    return resample.forward(at::ones({1, 1, 2, 2, 2}), cache, false);
  };
  CHECK(
      at::equal(second_chunk(at::zeros({1, 1, 2, 2, 2})), second_chunk(at::ones({1, 1, 2, 2, 2}))));
}

}  // namespace
}  // namespace chitu::models
