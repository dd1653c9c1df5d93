#include "chitu_core/memory/one_copy_weights.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "chitu_core/device/shared_host_memory.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/memory/lora_weights.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::memory {
namespace {

constexpr std::int64_t kMatrixBytes = 64 * 32 * 4, kBiasBytes = 64 * 4;

class Layer : public Module {
 public:
  Layer() : weight(add_parameter("weight", {64, 32})), bias(add_parameter("bias", {64})) {}
  Parameter& weight;
  Parameter& bias;
};

class Model : public Module {
 public:
  Model() { add_child("layers.0", layer); }
  Layer layer;
};

void write_model(const std::filesystem::path& folder) {
  io::write_safetensors(folder / "model.safetensors", {{"layers.0.weight", at::randn({64, 32})},
                                                       {"layers.0.bias", at::randn({64})}});
}

/// The memory of one host, as its processes see it.
struct Host {
  std::shared_ptr<device::SharedHostMemory> memory = device::SharedHostMemory::make();

  /// A process's component with these weights.
  ModelComponent<Model> open(std::shared_ptr<const WeightSource> source) const {
    ModelComponent<Model> component("transformer", std::make_shared<Model>(), std::move(source));
    component.share_host_memory(device::SharedHostMemory::open(memory->place()));
    return component;
  }
  ModelComponent<Model> open(const std::filesystem::path& folder) const {
    return open(std::make_shared<FileWeights>(folder));
  }
};

/// Bytes that `work` reads from files.
std::int64_t read_by(const std::function<void()>& work) {
  const std::int64_t before = io::read_bytes();
  work();
  return io::read_bytes() - before;
}

WeightFormat on_host(c10::Device device, at::ScalarType dtype = at::kFloat) {
  WeightFormat format{device, dtype};
  format.rests_on_host = true;
  return format;
}

TEST_CASE("weights on the CPU are one copy for all processes of a host", "[memory]") {
  const testing::TemporaryFolder folder;
  const c10::InferenceMode inference;
  write_model(folder.path());
  const Host host;
  auto one = host.open(folder.path()), other = host.open(folder.path());
  const auto both = [&] {
    one.onload({c10::kCPU, at::kFloat});
    other.onload({c10::kCPU, at::kFloat});
  };
  CHECK(read_by(both) == kMatrixBytes + 2 * kBiasBytes);  // small weights are read by each
  CHECK(host.memory->used_bytes() == kMatrixBytes);
  const FileWeights files(folder.path());
  const io::Checkpoint checkpoint(folder.path());
  CHECK(at::equal(one.model().layer.weight.tensor, checkpoint.tensor("layers.0.weight")));
  CHECK(at::equal(other.model().layer.weight.tensor, one.model().layer.weight.tensor));
  CHECK(at::equal(other.model().layer.bias.tensor, one.model().layer.bias.tensor));
  one.offload();
  CHECK(host.memory->used_bytes() == kMatrixBytes);
  other.offload();
  CHECK(host.memory->used_bytes() == 0);
}

TEST_CASE("weights that rest in host memory are one copy, from which each device is filled",
          "[memory]") {
  const testing::TemporaryFolder folder;
  const c10::Device device = device::configure_sim({});
  const c10::InferenceMode inference;
  write_model(folder.path());
  const Host host;
  auto one = host.open(folder.path()), other = host.open(folder.path());
  const auto both = [&] {
    one.onload(on_host(device));
    other.onload(on_host(device));
    one.offload();
    one.onload(on_host(device));
  };
  CHECK(read_by(both) == kMatrixBytes + 2 * kBiasBytes);
  CHECK(host.memory->used_bytes() == kMatrixBytes);
  CHECK(at::equal(other.model().layer.weight.tensor.to(at::kCPU),
                  one.model().layer.weight.tensor.to(at::kCPU)));
  one.forget();
  other.forget();
  CHECK(host.memory->used_bytes() == 0);
}

TEST_CASE("weights of another dtype, file or LoRA are another copy", "[memory]") {
  const testing::TemporaryFolder folder;
  const c10::InferenceMode inference;
  write_model(folder.path());
  const Host host;
  auto one = host.open(folder.path());
  one.onload({c10::kCPU, at::kFloat});
  SECTION("dtype") {
    auto other = host.open(folder.path());
    other.onload({c10::kCPU, at::kDouble});
    CHECK(at::equal(other.model().layer.weight.tensor.to(at::kFloat),
                    one.model().layer.weight.tensor));
    CHECK(host.memory->used_bytes() == 3 * kMatrixBytes);
  }
  SECTION("file") {
    const testing::TemporaryFolder second;
    write_model(second.path());
    auto other = host.open(second.path());
    other.onload({c10::kCPU, at::kFloat});
    CHECK_FALSE(at::equal(other.model().layer.weight.tensor, one.model().layer.weight.tensor));
    CHECK(host.memory->used_bytes() == 2 * kMatrixBytes);
  }
  SECTION("LoRA") {
    const auto file = folder / "lora.safetensors";
    io::write_safetensors(file, {{"down", at::randn({2, 32})}, {"up", at::randn({64, 2})}});
    const auto opened = std::make_shared<io::SafetensorsFile>(file);
    const auto merged = [&](double factor) {
      auto source =
          std::make_shared<LoraWeights>(std::make_shared<FileWeights>(folder.path()), false);
      source->merge("layers.0.weight", {opened, "down", "up", 2, factor});
      return source;
    };
    auto other = host.open(merged(1)), third = host.open(merged(0.5)), same = host.open(merged(1));
    for (auto* component : {&other, &third, &same}) component->onload({c10::kCPU, at::kFloat});
    const auto& plain = one.model().layer.weight.tensor;
    CHECK_FALSE(at::equal(other.model().layer.weight.tensor, plain));
    CHECK_FALSE(at::equal(other.model().layer.weight.tensor, third.model().layer.weight.tensor));
    CHECK(at::equal(other.model().layer.weight.tensor, same.model().layer.weight.tensor));
    CHECK(host.memory->used_bytes() == 3 * kMatrixBytes);
  }
}

}  // namespace
}  // namespace chitu::memory
