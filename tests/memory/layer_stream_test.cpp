#include "chitu_core/memory/layer_stream.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <fstream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
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

TEST_CASE("a streamed layer has the bits and the alignment of a resident one", "[memory]") {
  const auto [stored, computed] =
      GENERATE(std::pair(at::kFloat, at::kFloat), std::pair(at::kFloat, at::kBFloat16),
               std::pair(at::kBFloat16, at::kFloat), std::pair(at::kHalf, at::kHalf));
  const Toy toy(stored);
  auto resident = toy.open();
  resident.onload({c10::kCPU, computed});
  auto streamed = toy.open();
  streamed.onload_streamed({c10::kCPU, computed});
  const ToyModel& expected = resident.model();
  const ToyModel& model = streamed.model();
  CHECK(at::equal(model.bias.tensor, expected.bias.tensor));

  LayerObserver* observer = streamed.begin_passes(3);
  for (int pass = 0; pass < 3; ++pass) {
    observer->before_layer(0);
    CHECK_FALSE(model.second.weight.tensor.defined());
    CHECK(at::equal(model.first.weight.tensor, expected.first.weight.tensor));
    CHECK(at::equal(model.first.scale.tensor, expected.first.scale.tensor));
    CHECK(model.first.scale.tensor.scalar_type() == at::kFloat);
    for (const at::Tensor& tensor : {model.first.weight.tensor, model.first.scale.tensor})
      CHECK(reinterpret_cast<std::uintptr_t>(tensor.data_ptr()) % 64 == 0);
    observer->after_layer(0);
    CHECK_FALSE(model.first.weight.tensor.defined());
    observer->before_layer(1);
    CHECK(at::equal(model.second.weight.tensor, expected.second.weight.tensor));
    observer->after_layer(1);
  }
  // Nothing is fetched beyond the passes that were announced.
  CHECK(streamed.stream()->traffic().layers == 6);
  CHECK(streamed.stream()->slots() == 2);
  CHECK(streamed.stream()->slab_bytes() == 128);
}

TEST_CASE("a walk that was broken off can begin anew", "[memory]") {
  const Toy toy;
  auto streamed = toy.open();
  streamed.onload_streamed({});
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

TEST_CASE("a read that fails is told to the layer that needs it, and the next walk works",
          "[memory]") {
  const Toy toy;
  const auto file = toy.folder / "model.safetensors";
  const auto size = std::filesystem::file_size(file);
  auto streamed = toy.open();
  const std::string bytes = read_file(file);
  streamed.onload_streamed({});
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
  // In place: the checkpoint holds the file open.
  std::ofstream(file, std::ios::binary | std::ios::in).write(bytes.data(), std::ssize(bytes));
  observer = streamed.begin_passes(1);
  for (int layer = 0; layer < 2; ++layer) {
    observer->before_layer(layer);
    observer->after_layer(layer);
  }
}

}  // namespace
}  // namespace chitu::memory
