#include "chitu_core/memory/component.h"

#include <ATen/ATen.h>

#include "tests/memory/toy_module.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::memory {
namespace {

TEST_CASE("a component that is loaded again has the same bits", "[memory]") {
  const testing::TemporaryFolder folder;
  write_toy_checkpoint(folder.path());
  auto model = std::make_shared<ToyModel>();
  ModelComponent<ToyModel> component("vae", model, std::make_shared<FileWeights>(folder.path()));
  CHECK_FALSE(component.onloaded());
  component.onload({});
  const at::Tensor before = model->bias.tensor.clone();
  const at::Tensor first = model->first.weight.tensor.clone();
  // Through a narrower dtype and back: nothing is written to the source, so nothing is lost.
  component.onload({c10::kCPU, at::kBFloat16});
  CHECK(model->bias.tensor.scalar_type() == at::kBFloat16);
  component.offload();
  CHECK(model->bound_bytes() == 0);
  component.onload({});
  CHECK(at::equal(model->bias.tensor, before));
  CHECK(at::equal(model->first.weight.tensor, first));
}

}  // namespace
}  // namespace chitu::memory
