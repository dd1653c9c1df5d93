#include "chitu_core/memory/module.h"

#include <ATen/ATen.h>

#include "tests/memory/toy_module.h"
#include "tests/support/bind_meta.h"
#include "tests/support/catch.h"

namespace chitu::memory {
namespace {

TEST_CASE("a module lists its weights under the checkpoint's names, in order", "[memory]") {
  ToyModel model;
  std::vector<std::string> names;
  model.visit_parameters([&](const std::string& name, Parameter&) { names.push_back(name); });
  CHECK(names == std::vector<std::string>{"bias", "layers.0.weight", "layers.0.scale",
                                          "layers.1.weight", "layers.1.scale"});
  CHECK(model.parameter_count() == 4 + 2 * (6 + 3));
  CHECK(model.bound_bytes() == 0);
}

TEST_CASE("binding to the meta device gives shapes and dtypes without allocating", "[memory]") {
  ToyModel model;
  testing::bind_meta(model, at::kBFloat16);
  CHECK(model.first.weight.tensor.is_meta());
  CHECK(model.first.weight.tensor.scalar_type() == at::kBFloat16);
  CHECK(model.first.scale.tensor.scalar_type() == at::kFloat);
  CHECK(model.second.weight.tensor.sizes() == at::IntArrayRef({2, 3}));
  model.unbind();
  CHECK_FALSE(model.first.weight.tensor.defined());
}

}  // namespace
}  // namespace chitu::memory
