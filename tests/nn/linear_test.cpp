#include "chitu_core/nn/linear.h"

#include <ATen/ATen.h>

#include "tests/support/bind_meta.h"
#include "tests/support/catch.h"

namespace chitu::nn {
namespace {

std::vector<std::string> names(const memory::Module& module) {
  std::vector<std::string> all;
  module.visit_parameters(
      [&](const std::string& name, const memory::Parameter&) { all.push_back(name); });
  return all;
}

TEST_CASE("a Linear has a bias by default", "[nn]") {
  CHECK(names(Linear(3, 2)) == std::vector<std::string>{"weight", "bias"});
  CHECK(names(Linear(3, 2, false)) == std::vector<std::string>{"weight"});
}

TEST_CASE("a Linear computes in the dtype of its weights", "[nn]") {
  Linear linear(3, 2, true, memory::Precision::float32);
  testing::bind_meta(linear, at::kBFloat16);
  CHECK(linear.dtype() == at::kFloat);
  linear.visit_parameters([](const std::string&, memory::Parameter& parameter) {
    parameter.tensor = at::ones(parameter.shape);
  });
  const at::Tensor y = linear.forward(at::full({1, 3}, 2, at::kBFloat16));
  CHECK(y.scalar_type() == at::kFloat);
  CHECK(at::equal(y, at::full({1, 2}, 7.0F)));
}

}  // namespace
}  // namespace chitu::nn
