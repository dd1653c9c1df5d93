#include <ATen/ATen.h>
#include <fmt/format.h>

#include <memory>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/parallel/merged_attention.h"
#include "tests/support/catch.h"

namespace chitu::nn {
namespace {

using parallel::AttentionPart;

using Backends = std::vector<std::pair<std::string, const AttentionBackend*>>;

/// Those that give the log-sum-exp.
Backends backends() {
  Backends all;
  for (const auto& [name, backend] : Registry<AttentionBackend>::instance().entries())
    if (backend->gives_log_sum_exp()) all.emplace_back(name, backend.get());
  return all;
}

Backends exact_backends() {
  Backends exact = backends();
  std::erase_if(exact, [](const auto& named) { return !named.second->exact(); });
  return exact;
}

struct Inputs {
  explicit Inputs(at::ScalarType dtype = at::kFloat, std::int64_t queries = 70)
      : q(waves(queries, 0.9).to(dtype)),
        k(waves(301, 0.4).to(dtype)),
        v(waves(301, 1.7).to(dtype)) {}
  static at::Tensor waves(std::int64_t rows, double step) {
    return at::sin(at::arange(2 * rows * 3 * 20, at::kFloat) * step)
        .mul_(4)
        .view({2, rows, 3, 20})
        .transpose(1, 2);
  }
  at::Tensor q, k, v;
};

at::Tensor expected_log_sum_exp(const Inputs& in, double scale) {
  const at::Tensor scores =
      at::matmul(in.q.to(at::kDouble), in.k.to(at::kDouble).transpose(-1, -2)) * scale;
  return at::logsumexp(scores, -1);
}

TEST_CASE("exact backends give the natural log-sum-exp of the scores", "[nn][cpu]") {
  CHECK(exact_backends().size() >= 3);
  for (const auto& [name, backend] : exact_backends())
    for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
      INFO(name << ", " << c10::toString(dtype));
      const Inputs in(dtype);
      const AttentionOptions options{.bias = {}, .scale = 0.3};
      const AttentionPart part = backend->run_part(in.q, in.k, in.v, options);
      CHECK(part.out.scalar_type() == dtype);
      CHECK(part.log_sum_exp.scalar_type() == at::kFloat);
      REQUIRE(part.log_sum_exp.sizes() == at::IntArrayRef({2, 3, 70}));
      const double tolerance = dtype == at::kFloat ? 1e-5 : 3e-2;
      CHECK(at::allclose(part.log_sum_exp.to(at::kDouble), expected_log_sum_exp(in, 0.3), 1e-5,
                         tolerance));
      CHECK(at::allclose(part.out.to(at::kFloat),
                         backend->run(in.q, in.k, in.v, options).to(at::kFloat), 1e-2, tolerance));
    }
}

TEST_CASE("the flash kernel gives the same bits with the log-sum-exp", "[nn][cpu]") {
  const Inputs in;
  const auto* flash = Registry<AttentionBackend>::instance().find("cpu_flash");
  CHECK(at::equal(flash->run_part(in.q, in.k, in.v, {}).out, flash->run(in.q, in.k, in.v, {})));
}

TEST_CASE("parts of the keys merge into attention to all of them", "[nn][cpu]") {
  for (const auto& [name, backend] : exact_backends())
    for (const auto dtype : {at::kFloat, at::kBFloat16}) {
      INFO(name << ", " << c10::toString(dtype));
      const Inputs in(dtype);
      parallel::MergedAttention merged;
      std::int64_t start = 0;
      for (const std::int64_t count : {1, 130, 7, 163}) {
        merged.add(backend->run_part(in.q, in.k.narrow(2, start, count),
                                     in.v.narrow(2, start, count), {}));
        start += count;
      }
      CHECK(merged.result().scalar_type() == dtype);
      CHECK(at::allclose(merged.result().to(at::kFloat),
                         backend->run(in.q, in.k, in.v, {}).to(at::kFloat), 1e-2,
                         dtype == at::kFloat ? 1e-5 : 2e-2));
    }
}

TEST_CASE("one part is the result, without rounding", "[nn]") {
  const Inputs in(at::kBFloat16);
  const auto* backend = Registry<AttentionBackend>::instance().find("torch_sdpa");
  parallel::MergedAttention merged;
  const AttentionPart part = backend->run_part(in.q, in.k, in.v, {});
  merged.add({part.out.clone(), part.log_sum_exp.clone()});
  CHECK(at::equal(merged.result(), part.out));
}

TEST_CASE("scores that differ by far merge without overflow", "[nn]") {
  const auto part = [](double log_sum_exp, double value) {
    return AttentionPart{at::full({1, 1, 1, 2}, value), at::full({1, 1, 1}, log_sum_exp)};
  };
  parallel::MergedAttention merged;
  merged.add(part(-3e4, 5));
  merged.add(part(3e4, 7));
  merged.add(part(0, 9));
  CHECK(at::equal(merged.result(), at::full({1, 1, 1, 2}, 7.0)));
}

/// Attention that cannot be merged.
struct Approximate final : AttentionBackend {
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options) const override {
    return Registry<AttentionBackend>::instance().find("torch_sdpa")->run(q, k, v, options);
  }
  bool exact() const override { return false; }
  int rank() const override { return 0; }
  bool runs_on(c10::DeviceType) const override { return true; }
};
CHITU_REGISTER(AttentionBackend, Approximate, "approximate");

struct NeedsParts final : parallel::AttentionHook {
  at::Tensor run(const at::Tensor& q, const at::Tensor&, const at::Tensor&, const AttentionOptions&,
                 const parallel::LocalAttention&) const override {
    return q;
  }
  bool needs_log_sum_exp() const override { return true; }
};

TEST_CASE("a ring with a backend that does not give the log-sum-exp is refused by name", "[nn]") {
  const auto hook = std::make_shared<NeedsParts>();
  CHECK(Attention("cpu_flash", c10::kCPU, hook).name() == "cpu_flash");
  std::vector<std::string> names;
  for (const auto& [name, backend] : backends()) names.push_back(name);
  CHECK_THROWS_AS(Attention("approximate", c10::kCPU, hook), InputError);
  CHECK_THROWS_WITH(Attention("approximate", c10::kCPU, hook),
                    "infer.attn_type: approximate does not give the log-sum-exp that a ring of "
                    "ranks needs, expected one of " +
                        join(names) + ", or infer.diffusion.cp_backend=ulysses or allgather");
  const at::Tensor x = at::zeros({1, 1, 2, 2});
  CHECK_THROWS_WITH(Approximate().run_part(x, x, x, {}),
                    "this attention does not give the log-sum-exp of its scores");
}

}  // namespace
}  // namespace chitu::nn
