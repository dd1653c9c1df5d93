#include "chitu_core/nn/norm.h"

#include <ATen/ATen.h>

#include "chitu_core/nn/row_chunks.h"
#include "tests/support/catch.h"

namespace chitu::nn {
namespace {

void fill(memory::Module& module, at::ScalarType dtype) {
  module.visit_parameters([&](const std::string&, memory::Parameter& parameter) {
    parameter.tensor = at::linspace(0.3, 1.7, parameter.numel())
                           .view(parameter.shape)
                           .to(memory::compute_dtype(parameter.precision, dtype));
  });
}

at::Tensor sample(at::ScalarType dtype) {
  return at::sin(at::arange(2 * 5 * 64, at::kFloat) * 1.3).view({2, 5, 64}).to(dtype);
}

at::Tensor normed(const at::Tensor& x) { return x / (x.square().mean(-1, true) + 1e-6).sqrt(); }

TEST_CASE("an RmsNorm rounds once, a T5RmsNorm twice", "[nn]") {
  const at::Tensor x = sample(at::kBFloat16);
  const at::Tensor exact = normed(x.to(at::kFloat));
  const at::Tensor weight = at::linspace(0.3, 1.7, 64).to(at::kBFloat16);

  RmsNorm once(64, 1e-6);
  fill(once, at::kBFloat16);
  CHECK(at::equal(once.forward_(x.clone()), (exact * weight).to(at::kBFloat16)));

  T5RmsNorm twice(64, 1e-6);
  fill(twice, at::kBFloat16);
  CHECK(at::equal(twice.forward(x), exact.to(at::kBFloat16) * weight));
  CHECK_FALSE(at::equal(twice.forward(x), once.forward_(x.clone())));
}

TEST_CASE("an RmsNorm overwrites its input, also in float32", "[nn]") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16);
  RmsNorm norm(64, 1e-6);
  fill(norm, dtype);
  at::Tensor x = sample(dtype);
  const at::Tensor wanted =
      (normed(x.to(at::kFloat)) * at::linspace(0.3, 1.7, 64).to(dtype)).to(dtype);
  const at::Tensor got = norm.forward_(x);
  CHECK(got.is_same(x));
  CHECK(at::allclose(got.to(at::kFloat), wanted.to(at::kFloat), 1.0 / 128, 1e-6));
}

TEST_CASE("a LayerNorm keeps its weights and its arithmetic in float32", "[nn]") {
  LayerNorm norm(64, 1e-6);
  fill(norm, at::kBFloat16);
  const at::Tensor weight = at::linspace(0.3, 1.7, 64);
  const at::Tensor x = sample(at::kBFloat16);
  const at::Tensor wanted = at::layer_norm(x.to(at::kFloat), {64}, weight, weight, 1e-6);
  CHECK(norm.forward(x).scalar_type() == at::kBFloat16);
  CHECK(at::allclose(norm.forward(x).to(at::kFloat), wanted, 1.0 / 256, 0));
}

TEST_CASE("a modulated layer norm rounds once, at its end", "[nn]") {
  const at::Tensor scale = at::linspace(0.5, 1.5, 64).view({1, 1, 64});
  const at::Tensor shift = at::linspace(-1, 1, 64).view({1, 1, 64});
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const at::Tensor x = sample(dtype), before = x.clone();
    const at::Tensor wanted = at::layer_norm(x.to(at::kFloat), {64}, {}, {}, 1e-6) * scale + shift;
    const at::Tensor got = modulated_layer_norm(x, scale, shift, 1e-6);
    CHECK(got.scalar_type() == dtype);
    const double epsilon = dtype == at::kFloat ? 1e-5 : dtype == at::kHalf ? 1e-3 : 1.0 / 128;
    CHECK(at::allclose(got.to(at::kFloat), wanted, epsilon, 1e-6));
    CHECK(at::equal(x, before));
  }
}

TEST_CASE("a gated residual is added in float32 and in place", "[nn]") {
  const at::Tensor gate = at::linspace(-1, 1, 64).view({1, 1, 64});
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const at::Tensor x = sample(dtype);
    at::Tensor hidden = sample(dtype).flip(1);
    const at::Tensor wanted = (hidden.to(at::kFloat) + x.to(at::kFloat) * gate).to(dtype);
    const void* storage = hidden.const_data_ptr();
    add_gated_(hidden, x, gate);
    CHECK(hidden.const_data_ptr() == storage);
    CHECK(at::allclose(hidden.to(at::kFloat), wanted.to(at::kFloat), 1e-6, 1e-6));
  }
}

TEST_CASE("rows in several chunks have the bits of rows alone", "[nn]") {
  const std::int64_t width = 1024, rows = kRowChunkElements / width + 100;
  const at::Tensor x = at::randn({1, rows, width}).to(at::kBFloat16);
  const at::Tensor scale = at::randn({1, 1, width}), shift = at::randn({1, 1, width});
  const at::Tensor normed = modulated_layer_norm(x, scale, shift, 1e-6);
  at::Tensor hidden = x.clone();
  add_gated_(hidden, normed, scale);
  for (const std::int64_t start : {std::int64_t{0}, rows / 2, rows - 50}) {
    const at::Tensor part = x.narrow(1, start, 50);
    const at::Tensor alone = modulated_layer_norm(part, scale, shift, 1e-6);
    CHECK(at::equal(normed.narrow(1, start, 50), alone));
    at::Tensor gated = part.clone();
    add_gated_(gated, alone, scale);
    CHECK(at::equal(hidden.narrow(1, start, 50), gated));
  }
}

}  // namespace
}  // namespace chitu::nn
