#include "chitu_core/nn/conv.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <array>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/nn/conv_temporal.h"
#include "tests/support/catch.h"

namespace chitu::nn {
namespace {

void bind_random(memory::Module& module, at::ScalarType dtype = at::kFloat) {
  at::manual_seed(7);
  module.visit_parameters([&](const std::string&, memory::Parameter& parameter) {
    parameter.tensor = at::randn(parameter.shape)
                           .div_(std::sqrt(static_cast<double>(parameter.numel()) /
                                           static_cast<double>(parameter.shape[0])))
                           .to(dtype)
                           .contiguous(parameter.memory_format);
  });
}

at::Tensor parameter_of(memory::Module& module, const std::string& wanted) {
  at::Tensor found;
  module.visit_parameters([&](const std::string& name, memory::Parameter& parameter) {
    if (name == wanted) found = parameter.tensor;
  });
  return found;
}

double apart(const at::Tensor& got, const at::Tensor& exact) {
  REQUIRE(got.sizes() == exact.sizes());
  return ((got.to(at::kDouble) - exact).norm() / exact.norm()).item<double>();
}

/// The plain causal convolution in float64: two zero frames, then at::conv3d.
at::Tensor plain(CausalConv3d& conv, const at::Tensor& x) {
  const at::Tensor weight = parameter_of(conv, "weight").to(at::kDouble);
  const std::int64_t side = weight.size(3) / 2;
  const at::Tensor padded = at::constant_pad_nd(x.to(at::kDouble).permute({0, 4, 1, 2, 3}),
                                                {side, side, side, side, weight.size(2) - 1, 0});
  return at::conv3d(padded, weight, parameter_of(conv, "bias").to(at::kDouble))
      .permute({0, 2, 3, 4, 1});
}

TEST_CASE("a clip in chunks of any size gives the convolution of the whole", "[nn]") {
  CausalConv3d conv(5, 4, 3, 3);
  bind_random(conv);
  const at::Tensor x = at::randn({2, 9, 4, 6, 5});
  const at::Tensor exact = plain(conv, x);
  for (const std::vector<std::int64_t>& chunks : std::vector<std::vector<std::int64_t>>{
           {9}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 4, 4}, {1, 2, 2, 4}, {3, 1, 5}}) {
    CAPTURE(chunks);
    FeatureCache cache;
    std::vector<at::Tensor> frames;
    std::int64_t first = 0;
    for (const std::int64_t count : chunks) {
      if (first + count == 9) cache.stop_keeping();
      frames.push_back(conv.forward(x.narrow(1, first, count), cache));
      first += count;
    }
    CHECK(apart(at::cat(frames, 1), exact) < 1e-6);
    CHECK(cache.bytes() == 0);
  }
}

TEST_CASE("between chunks a convolution keeps two frames of its input", "[nn]") {
  CausalConv3d conv(5, 4, 3, 3);
  bind_random(conv);
  FeatureCache cache;
  conv.forward(at::randn({1, 1, 4, 6, 5}), cache);
  CHECK(cache.bytes() == 1 * 4 * 6 * 5 * 4);
  conv.forward(at::randn({1, 4, 4, 6, 5}), cache);
  CHECK(cache.bytes() == 2 * 4 * 6 * 5 * 4);
}

TEST_CASE("large chunks take two frames at a time and stay exact", "[nn]") {
  CausalConv3d conv(32, 48, 3, 3);
  bind_random(conv);
  const at::Tensor x = at::randn({2, 5, 48, 40, 32});
  REQUIRE(temporal_pairs_pay({2, 4, 48, 40, 32}, {48, 32, 3, 3, 3}));
  FeatureCache cache;
  const at::Tensor first = conv.forward(x.narrow(1, 0, 1), cache);
  const at::Tensor later = conv.forward(x.narrow(1, 1, 4), cache);
  CHECK(apart(at::cat({first, later}, 1), plain(conv, x)) < 1e-6);
}

TEST_CASE("two frames at a time cost bfloat16 little accuracy", "[nn]") {
  CausalConv3d conv(32, 48, 3, 3);
  bind_random(conv, at::kBFloat16);
  const at::Tensor x = at::randn({1, 8, 48, 40, 32}).to(at::kBFloat16);
  FeatureCache cache;
  CHECK(apart(conv.forward(x, cache), plain(conv, x)) < 6e-3);
}

TEST_CASE("pairs are used for even numbers of frames that are large enough", "[nn]") {
  const std::vector<std::int64_t> weight{96, 96, 3, 3, 3};
  CHECK(temporal_pairs_pay({1, 4, 128, 128, 96}, weight));
  CHECK_FALSE(temporal_pairs_pay({1, 3, 128, 128, 96}, weight));
  CHECK_FALSE(temporal_pairs_pay({1, 2, 4, 4, 96}, weight));
}

TEST_CASE("a kernel over time alone gives the same result", "[nn]") {
  CausalConv3d conv(6, 12, 3, 1);
  bind_random(conv);
  const at::Tensor x = at::randn({1, 4, 3, 5, 6});
  FeatureCache cache;
  CHECK(apart(conv.forward(x, cache), plain(conv, x)) < 1e-6);
}

TEST_CASE("the convolution of an upsampled picture is exact without upsampling it", "[nn]") {
  Conv2d conv(24, 12, 3);
  bind_random(conv);
  const auto enlarged = [&](const at::Tensor& x) {
    const at::Tensor large = at::upsample_nearest2d(x.to(at::kDouble).permute({0, 3, 1, 2}),
                                                    {2 * x.size(1), 2 * x.size(2)});
    return at::conv2d(large, parameter_of(conv, "weight").to(at::kDouble),
                      parameter_of(conv, "bias").to(at::kDouble), 1, 1)
        .permute({0, 2, 3, 1});
  };
  const at::Tensor small = at::randn({2, 5, 3, 24}), large = at::randn({2, 300, 301, 24});
  CHECK(apart(conv.forward_upsampled(small), enlarged(small)) < 1e-6);
  CHECK(apart(conv.forward_upsampled(large), enlarged(large)) < 1e-6);
}

TEST_CASE("a pointwise convolution mixes channels alone", "[nn]") {
  PointwiseConv conv(5, 3, 3);
  bind_random(conv);
  const at::Tensor x = at::randn({1, 2, 3, 4, 5}).to(at::kDouble);
  const at::Tensor exact =
      at::conv3d(x.permute({0, 4, 1, 2, 3}), parameter_of(conv, "weight").to(at::kDouble),
                 parameter_of(conv, "bias").to(at::kDouble))
          .permute({0, 2, 3, 4, 1});
  CHECK(apart(conv.forward(x.to(at::kFloat)), exact) < 1e-6);
}

TEST_CASE("a clip may have one channel and one pixel", "[nn]") {
  for (const auto& [channels, height, width] :
       std::vector<std::array<std::int64_t, 3>>{{1, 4, 3}, {4, 1, 1}, {1, 1, 1}, {7, 1, 5}}) {
    CAPTURE(channels, height, width);
    CausalConv3d conv(channels, channels, 3, 3);
    bind_random(conv);
    const at::Tensor x = at::randn({1, 3, height, width, channels});
    FeatureCache cache;
    const at::Tensor first = conv.forward(x.narrow(1, 0, 1), cache);
    CHECK(apart(at::cat({first, conv.forward(x.narrow(1, 1, 2), cache)}, 1), plain(conv, x)) <
          1e-6);
  }
}

TEST_CASE("the number of threads changes no bit", "[nn]") {
  CausalConv3d causal(32, 48, 3, 3);
  Conv2d enlarging(24, 12, 3);
  bind_random(causal);
  bind_random(enlarging);
  const at::Tensor clip = at::randn({1, 8, 48, 40, 32}), picture = at::randn({2, 300, 301, 24});
  const auto both = [&] {
    FeatureCache cache;
    return std::pair(causal.forward(clip, cache), enlarging.forward_upsampled(picture));
  };
  const int threads = at::get_num_threads();
  const auto before = both();
  at::set_num_threads(threads == 1 ? 2 : 1);
  const auto after = both();
  at::set_num_threads(threads);
  CHECK(at::equal(before.first, after.first));
  CHECK(at::equal(before.second, after.second));
}

TEST_CASE("a wrong number of channels is refused", "[nn]") {
  const PointwiseConv conv(5, 3, 2);
  CHECK_THROWS_WITH(conv.forward(at::zeros({1, 4})),
                    "convolution: expected 5 input channels, got 4");
}

}  // namespace
}  // namespace chitu::nn
