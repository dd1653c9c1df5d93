#include "chitu_core/memory/weights.h"

#include <ATen/ATen.h>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/io/safetensors.h"
#include "tests/memory/toy_module.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::memory {
namespace {

using Tensors = std::vector<std::pair<std::string, at::Tensor>>;

Tensors toy_tensors() {
  return {{"bias", at::arange(4, at::kFloat)},
          {"layers.0.weight", at::arange(6, at::kFloat).view({2, 3}) / 3},
          {"layers.0.scale", at::ones({3}) / 3},
          {"layers.1.weight", at::ones({2, 3}, at::kHalf)},
          {"layers.1.scale", at::ones({3}, at::kBFloat16)},
          {"encoder.unused", at::ones({7})}};
}

FileWeights weights_of(const testing::TemporaryFolder& folder, const Tensors& tensors) {
  io::write_safetensors(folder / "model.safetensors", tensors);
  return FileWeights(folder.path());
}

TEST_CASE("weights are cast to the chosen dtype, except those that stay float32", "[memory]") {
  const testing::TemporaryFolder folder;
  const auto source = weights_of(folder, toy_tensors());
  ToyModel model;
  bind_weights(model, source, {c10::kCPU, at::kBFloat16});
  CHECK(at::equal(model.first.weight.tensor,
                  (at::arange(6, at::kFloat).view({2, 3}) / 3).to(at::kBFloat16)));
  CHECK(at::equal(model.first.scale.tensor, at::ones({3}) / 3));
  CHECK(model.second.weight.tensor.scalar_type() == at::kBFloat16);
  CHECK(model.bound_bytes() == weight_bytes(model, at::kBFloat16));
}

TEST_CASE("of two names of one weight the overriding one is used, and either is enough",
          "[memory]") {
  const testing::TemporaryFolder folder;
  ToyModel model;
  model.bias.overriding_name = "other.bias";
  auto tensors = toy_tensors();
  const at::Tensor other = at::full({4}, 7.0);
  float expected = 7;
  SECTION("both, of different numbers") { tensors.emplace_back("other.bias", other); }
  SECTION("the overriding one alone") { tensors[0] = {"other.bias", other}; }
  SECTION("the parameter's own alone") { expected = 3; }
  bind_weights(model, weights_of(folder, tensors), {});
  CHECK(model.bias.tensor[3].item<float>() == expected);
}

TEST_CASE("both names of one weight are checked", "[memory]") {
  const testing::TemporaryFolder folder;
  ToyModel model;
  model.bias.overriding_name = "other.bias";
  auto tensors = toy_tensors();
  SECTION("the one that counts") {
    tensors.emplace_back("other.bias", at::ones({5}));
    CHECK_THROWS_WITH(weights_of(folder, tensors).check(model),
                      Catch::ContainsSubstring("tensor other.bias: expected shape [4], got [5]"));
  }
  SECTION("the one that does not") {
    tensors[0].second = at::ones({5});
    tensors.emplace_back("other.bias", at::ones({4}));
    CHECK_THROWS_WITH(weights_of(folder, tensors).check(model),
                      Catch::ContainsSubstring("tensor bias: expected shape [4], got [5]"));
  }
  SECTION("neither is there") {
    tensors.erase(tensors.begin());
    CHECK_THROWS_WITH(weights_of(folder, tensors).check(model),
                      Catch::ContainsSubstring("tensor bias is missing, expected shape [4]"));
  }
}

TEST_CASE("bound weights outlive their file", "[memory]") {
  ToyModel model;
  {
    const testing::TemporaryFolder folder;
    bind_weights(model, weights_of(folder, toy_tensors()), {});
  }
  CHECK(at::equal(model.bias.tensor, at::arange(4, at::kFloat)));
}

TEST_CASE("a checkpoint that does not fit is refused with file and tensor", "[memory]") {
  const testing::TemporaryFolder folder;
  const std::string file = (folder / "model.safetensors").string();
  auto tensors = toy_tensors();
  std::string expected;
  SECTION("missing") {
    tensors.erase(tensors.begin());
    expected = folder.path().string() + ": tensor bias is missing, expected shape [4]";
  }
  SECTION("misshapen") {
    tensors[1].second = at::ones({3, 2});
    expected = file + ": tensor layers.0.weight: expected shape [2, 3], got [3, 2]";
  }
  SECTION("surplus") {
    tensors.emplace_back("layers.2.weight", at::ones({2, 3}));
    expected = file + ": unknown tensor layers.2.weight, the model has no such weight";
  }
  SECTION("not a number that a model computes with") {
    tensors[0].second = at::ones({4}, at::kLong);
    expected = file + ": tensor bias: expected a floating-point dtype, got Long";
  }
  const auto source = weights_of(folder, tensors);
  ToyModel model;
  CHECK_THROWS_WITH(bind_weights(model, source, {}), expected);
  CHECK_THROWS_AS(source.check(model), InputError);
  CHECK(model.bound_bytes() == 0);
}

/// One weight of 72 MiB in float32.
class LargeModel : public Module {
 public:
  explicit LargeModel(at::MemoryFormat layout) : weight(add_parameter("w", {18, 1024, 32, 32})) {
    weight.memory_format = layout;
  }
  Parameter& weight;
};
constexpr std::int64_t kLargeBytes = 72 << 20, kStagedBytes = 64 << 20;

TEST_CASE("a large weight is copied in runs of rows, with the same bits", "[memory]") {
  const testing::TemporaryFolder folder;
  const at::Tensor stored = at::randn({18, 1024, 32, 32}).to(at::kBFloat16);
  const auto source = weights_of(folder, {{"w", stored}});
  const auto layout = GENERATE(at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast);
  LargeModel model(layout);
  const c10::Device sim = device::configure_sim({});
  const auto before = device::sim_traffic();
  const std::int64_t read_before = io::read_bytes();
  SECTION("from the file") { bind_weights(model, source, {sim, at::kFloat}); }
  SECTION("from host memory") {
    const HostWeights on_host(std::make_shared<FileWeights>(folder.path()));
    bind_weights(model, on_host, {sim, at::kFloat});
  }
  CHECK(device::sim_traffic().h2d_bytes - before.h2d_bytes == kLargeBytes);
  CHECK(device::sim_traffic().h2d_copies - before.h2d_copies == 2);
  CHECK(io::read_bytes() - read_before == kLargeBytes / 2);
  CHECK(model.weight.tensor.is_contiguous(layout));
  CHECK(at::equal(model.weight.tensor.to(at::kCPU), stored.to(at::kFloat)));
}

TEST_CASE("a dry run stages large weights as a run does", "[memory]") {
  LargeModel model(at::MemoryFormat::Contiguous);
  const auto source = std::make_shared<DryRunWeights>(nullptr, at::kBFloat16);
  std::int64_t rests_on_host = 0;
  const device::DryRun dry_run({});
  const WeightFormat format{device::DryRun::device(), at::kFloat};
  std::optional<HostWeights> on_host;
  SECTION("from the file") { bind_weights(model, *source, format); }
  SECTION("from host memory") {
    rests_on_host = kLargeBytes;
    bind_weights(model, on_host.emplace(source), format);
  }
  const device::DryRunUse use = dry_run.use();
  model.unbind();
  CHECK(use.peak_host == rests_on_host + kStagedBytes);
  CHECK(use.host == rests_on_host);
  CHECK(use.device == kLargeBytes);
  CHECK(use.h2d == kLargeBytes);
  CHECK(use.disk == kLargeBytes / 2);
}

}  // namespace
}  // namespace chitu::memory
