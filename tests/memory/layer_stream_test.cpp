#include "chitu_core/memory/layer_stream.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <filesystem>
#include <fstream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/memory/component.h"
#include "tests/memory/toy_module.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::memory {
namespace {

struct Toy {
  explicit Toy(at::ScalarType dtype = at::kFloat) { write_toy_checkpoint(folder.path(), dtype); }
  ModelComponent<ToyModel> open() const {
    return {"transformer", std::make_shared<ToyModel>(),
            std::make_shared<FileWeights>(folder.path())};
  }
  testing::TemporaryFolder folder;
};

/// The host, where slabs are filled directly, and a device to which they are copied.
c10::Device host_or_sim() {
  return GENERATE(0, 1) == 0 ? c10::Device(c10::kCPU) : device::configure_sim({});
}

at::Tensor on_cpu(const at::Tensor& tensor) { return tensor.to(at::kCPU); }

TEST_CASE("a streamed layer has the bits and the alignment of a resident one", "[memory]") {
  const auto [stored, computed] =
      GENERATE(std::pair(at::kFloat, at::kFloat), std::pair(at::kFloat, at::kBFloat16),
               std::pair(at::kBFloat16, at::kFloat), std::pair(at::kHalf, at::kHalf));
  const c10::Device device = host_or_sim();
  const c10::InferenceMode inference;
  const Toy toy(stored);
  auto resident = toy.open();
  resident.onload({c10::kCPU, computed});
  auto streamed = toy.open();
  streamed.onload_streamed({device, computed});
  const ToyModel& expected = resident.model();
  const ToyModel& model = streamed.model();
  CHECK(at::equal(on_cpu(model.bias.tensor), expected.bias.tensor));

  LayerObserver* observer = streamed.begin_passes(3);
  for (int pass = 0; pass < 3; ++pass) {
    observer->before_layer(0);
    CHECK_FALSE(model.second.weight.tensor.defined());
    CHECK(at::equal(on_cpu(model.first.weight.tensor), expected.first.weight.tensor));
    CHECK(at::equal(on_cpu(model.first.scale.tensor), expected.first.scale.tensor));
    CHECK(model.first.scale.tensor.scalar_type() == at::kFloat);
    for (const at::Tensor& tensor : {model.first.weight.tensor, model.first.scale.tensor})
      CHECK(reinterpret_cast<std::uintptr_t>(tensor.data_ptr()) % 64 == 0);
    observer->after_layer(0);
    CHECK_FALSE(model.first.weight.tensor.defined());
    observer->before_layer(1);
    CHECK(at::equal(on_cpu(model.second.weight.tensor), expected.second.weight.tensor));
    observer->after_layer(1);
  }
  // Nothing is fetched beyond the passes that were announced.
  CHECK(streamed.stream()->traffic().layers == 6);
  CHECK(streamed.stream()->slabs() == 2);
  CHECK(streamed.stream()->slab_bytes() == 128);
}

TEST_CASE("a pass that was broken off can start again", "[memory]") {
  const c10::Device device = host_or_sim();
  const c10::InferenceMode inference;
  const Toy toy;
  auto streamed = toy.open();
  streamed.onload_streamed({device});
  for (int round = 0; round < 50; ++round) {
    LayerObserver* observer = streamed.begin_passes(4);
    for (int layer = 0; layer < round % 4; ++layer) {
      observer->before_layer(layer % 2);
      observer->after_layer(layer % 2);
    }
  }
  LayerObserver* observer = streamed.begin_passes(1);
  CHECK_THROWS_AS(observer->before_layer(1), Error);  // out of order
  observer->before_layer(0);
  observer->after_layer(0);
  observer->before_layer(1);
  observer->after_layer(1);
  CHECK_THROWS_WITH(observer->before_layer(0), Catch::ContainsSubstring("not announced"));
  streamed.offload();
  CHECK(streamed.module().bound_bytes() == 0);
}

TEST_CASE("passes that skip layers fetch those that are announced, and no other", "[memory]") {
  const c10::Device device = host_or_sim();
  const c10::InferenceMode inference;
  const Toy toy;
  auto streamed = toy.open();
  streamed.onload_streamed({device});
  LayerObserver* observer = streamed.begin_partial_passes(4);
  const auto compute = [&](std::int64_t layer) {
    observer->before_layer(layer);
    observer->after_layer(layer);
  };
  CHECK_THROWS_WITH(compute(0), Catch::ContainsSubstring("not announced"));
  SECTION("announced ahead") {
    for (const LayerRange range : {LayerRange{0, 2}, LayerRange{1, 2}, LayerRange{0, 1}})
      streamed.announce_pass(range);
    for (const std::int64_t layer : {0, 1, 1, 0}) compute(layer);
  }
  SECTION("each when it is decided") {
    streamed.announce_pass({0, 1});
    compute(0);
    streamed.announce_pass({1, 2});
    compute(1);
    streamed.announce_pass({1, 2});
    compute(1);
    streamed.announce_pass({0, 0});
    streamed.announce_pass({0, 1});
    CHECK_THROWS_AS(compute(1), Error);  // another one than was announced
    compute(0);
  }
  CHECK_THROWS_WITH(compute(0), Catch::ContainsSubstring("not announced"));
  CHECK(streamed.stream()->traffic().layers == 4);
  streamed.begin_passes(1);
  for (const std::int64_t layer : {0, 1}) compute(layer);
  CHECK(streamed.stream()->traffic().layers == 6);
}

TEST_CASE("more layers than a stream has turns for are an error", "[memory]") {
  const c10::InferenceMode inference;
  const Toy toy;
  auto streamed = toy.open();
  streamed.onload_streamed({c10::kCPU});
  streamed.begin_partial_passes(1);
  streamed.announce_pass({0, 2});
  CHECK_THROWS_WITH(streamed.announce_pass({0, 1}), Catch::ContainsSubstring("has turns for"));
}

TEST_CASE("a failed read is reported to the layer that needs it, and the next pass works",
          "[memory]") {
  const c10::Device device = host_or_sim();
  const c10::InferenceMode inference;
  const Toy toy;
  const auto file = toy.folder / "model.safetensors";
  const auto size = std::filesystem::file_size(file);
  auto streamed = toy.open();
  const std::string bytes = read_file(file);
  streamed.onload_streamed({device});
  std::filesystem::resize_file(file, size - 30);
  LayerObserver* observer = streamed.begin_passes(1);
  CHECK_THROWS_WITH(
      [&] {
        for (int layer = 0; layer < 2; ++layer) {
          observer->before_layer(layer);
          observer->after_layer(layer);
        }
      }(),
      Catch::ContainsSubstring("cannot read: the file has become shorter"));
  // In place, because the checkpoint holds the file open.
  std::ofstream(file, std::ios::binary | std::ios::in).write(bytes.data(), std::ssize(bytes));
  observer = streamed.begin_passes(1);
  for (int layer = 0; layer < 2; ++layer) {
    observer->before_layer(layer);
    observer->after_layer(layer);
  }
}

/// One pass over the toy's layers: the weights of both, on the CPU.
std::vector<at::Tensor> walk(ModelComponent<ToyModel>& streamed) {
  std::vector<at::Tensor> weights;
  LayerObserver* observer = streamed.begin_passes(1);
  for (int layer = 0; layer < 2; ++layer) {
    observer->before_layer(layer);
    auto& linear = layer == 0 ? streamed.model().first : streamed.model().second;
    weights.push_back(on_cpu(linear.weight.tensor));
    observer->after_layer(layer);
  }
  return weights;
}

TEST_CASE("a failed copy is reported to the layer that needs it, and the next pass works",
          "[memory]") {
  const c10::Device device = device::configure_sim({});
  const c10::InferenceMode inference;
  const Toy toy;
  auto streamed = toy.open();
  streamed.onload_streamed({device});
  device::inject_sim_faults({.copy = 2});
  CHECK_THROWS_WITH(walk(streamed), Catch::ContainsSubstring("copy"));
  device::inject_sim_faults({});
  const auto weights = walk(streamed);
  auto resident = toy.open();
  resident.onload({c10::kCPU, at::kFloat});
  CHECK(at::equal(weights[0], resident.model().first.weight.tensor));
  CHECK(at::equal(weights[1], resident.model().second.weight.tensor));
}

TEST_CASE("layers are copied through pageable memory if pinning fails or is off", "[memory]") {
  const c10::Device device = device::configure_sim({});
  const c10::InferenceMode inference;
  const Toy toy;
  auto pinned = toy.open();
  pinned.onload_streamed({device});
  const auto expected = walk(pinned);
  const bool wanted = GENERATE(true, false);
  device::inject_sim_faults({.pinning = 1});
  auto pageable = toy.open();
  pageable.onload_streamed({device}, {.pin_memory = wanted});
  device::inject_sim_faults({});
  const auto weights = walk(pageable);
  CHECK(at::equal(weights[0], expected[0]));
  CHECK(at::equal(weights[1], expected[1]));
}

/// Memory and copies of two streamed passes over the toy.
struct StreamUse {
  std::int64_t device_peak, h2d;
  StreamTraffic traffic;
};

StreamTraffic stream_two_passes(ModelComponent<ToyModel>& toy, c10::Device device) {
  toy.onload_streamed({device});
  LayerObserver* observer = toy.begin_passes(2);
  for (const int layer : {0, 1, 0, 1}) {
    observer->before_layer(layer);
    observer->after_layer(layer);
  }
  toy.end_passes();
  return toy.traffic();
}

StreamUse use_of_run(const Toy& stored) {
  const c10::Device device = device::configure_sim({});
  auto toy = stored.open();
  device::reset_peak(device);
  const std::int64_t held = device::memory_use(device).allocated_bytes;
  const std::int64_t h2d = device::sim_traffic().h2d_bytes;
  const StreamTraffic traffic = stream_two_passes(toy, device);
  return {device::memory_use(device).peak_bytes - held, device::sim_traffic().h2d_bytes - h2d,
          traffic};
}

StreamUse use_of_dry_run() {
  const device::DryRun dry_run({});
  ModelComponent<ToyModel> toy("transformer", std::make_shared<ToyModel>(),
                               std::make_shared<DryRunWeights>(nullptr, at::kFloat));
  const StreamTraffic traffic = stream_two_passes(toy, device::DryRun::device());
  return {dry_run.use().peak_device, dry_run.use().h2d, traffic};
}

TEST_CASE("a dry run of a stream counts the memory and the copies of a run", "[memory]") {
  const c10::InferenceMode inference;
  const StreamUse run = use_of_run(Toy()), dry_run = use_of_dry_run();
  CHECK(dry_run.device_peak == run.device_peak);
  CHECK(dry_run.h2d == run.h2d);
  CHECK(dry_run.traffic.layers == 4);
  CHECK(dry_run.traffic.layers == run.traffic.layers);
  CHECK(dry_run.traffic.bytes == run.traffic.bytes);
}

}  // namespace
}  // namespace chitu::memory
