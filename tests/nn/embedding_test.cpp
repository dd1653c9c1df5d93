#include "chitu_core/nn/embedding.h"

#include <ATen/ATen.h>

#include <cmath>

#include "tests/support/catch.h"

namespace chitu::nn {
namespace {

TEST_CASE("a timestep embedding has its cosines first", "[nn]") {
  const at::Tensor embedding = timestep_embedding(999, 8, c10::kCPU);
  CHECK(embedding.sizes() == at::IntArrayRef{1, 8});
  CHECK(embedding.scalar_type() == at::kFloat);
  const float* values = embedding.const_data_ptr<float>();
  for (int i = 0; i < 4; ++i) {
    const double angle = 999 * std::pow(10000.0, -i / 4.0);
    CHECK(values[i] == Catch::Approx(std::cos(angle)).margin(1e-4));
    CHECK(values[4 + i] == Catch::Approx(std::sin(angle)).margin(1e-4));
  }
}

TEST_CASE("a timestep keeps its fraction", "[nn]") {
  const float first = timestep_embedding(0.5, 4, c10::kCPU).const_data_ptr<float>()[0];
  CHECK(first == Catch::Approx(std::cos(0.5)));
}

TEST_CASE("an Embedding looks rows up", "[nn]") {
  Embedding embedding(3, 2);
  embedding.visit_parameters([](const std::string& name, memory::Parameter& parameter) {
    CHECK(name == "weight");
    parameter.tensor = at::arange(6, at::kFloat).view(parameter.shape);
  });
  const at::Tensor rows = embedding.forward(at::arange(2, -1, -2, at::kLong));
  CHECK(
      at::equal(rows, at::arange(6, at::kFloat).view({3, 2}).flip(0).index({at::arange(0, 3, 2)})));
}

}  // namespace
}  // namespace chitu::nn
