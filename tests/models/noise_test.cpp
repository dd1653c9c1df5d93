#include "chitu_core/models/noise.h"

#include <ATen/ATen.h>

#include "tests/support/catch.h"

namespace chitu::models {
namespace {

TEST_CASE("a seed draws the same noise as in Python", "[models]") {
  // torch.randn(1, 16, 1, 2, 2, generator=torch.Generator().manual_seed(42)), the first three
  const at::Tensor noise = initial_noise({1, 16, 1, 2, 2}, 42).flatten();
  REQUIRE(noise.numel() == 64);
  const float* values = noise.const_data_ptr<float>();
  // The processor's vector width moves the last bit.
  CHECK(values[0] == Catch::Approx(1.9269152879714966).epsilon(2e-6));
  CHECK(values[1] == Catch::Approx(1.4872840642929077).epsilon(2e-6));
  CHECK(values[2] == Catch::Approx(0.9007171988487244).epsilon(2e-6));
}

TEST_CASE("noise is the same at every call and differs between seeds", "[models]") {
  CHECK(at::equal(initial_noise({1, 4, 2, 3, 3}, 7), initial_noise({1, 4, 2, 3, 3}, 7)));
  CHECK_FALSE(at::equal(initial_noise({1, 4, 2, 3, 3}, 7), initial_noise({1, 4, 2, 3, 3}, 8)));
  CHECK(at::isfinite(initial_noise({20}, 123456789012)).all().item<bool>());
}

}  // namespace
}  // namespace chitu::models
