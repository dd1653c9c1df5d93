#include "chitu_core/nn/attention.h"

#include <ATen/ATen.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "tests/support/catch.h"

namespace chitu::nn {
namespace {

struct Inputs {
  at::Tensor q = at::sin(at::arange(2 * 3 * 5 * 4, at::kFloat)).view({2, 3, 5, 4});
  at::Tensor k = at::cos(at::arange(2 * 3 * 7 * 4, at::kFloat)).view({2, 3, 7, 4});
  at::Tensor v = at::sin(at::arange(2 * 3 * 7 * 4, at::kFloat) * 0.7).view({2, 3, 7, 4});
};

TEST_CASE("attention backends are found by their registered names", "[nn]") {
  CHECK(attention_names().front() == "auto");
  for (const char* name : {"cpu_flash", "torch_sdpa", "torch_sdpa_math"})
    CHECK(Registry<AttentionBackend>::instance().find(name)->exact());
  for (const auto& [name, backend] : Registry<AttentionBackend>::instance().entries()) {
    INFO(name);
    CHECK(Attention(name).name() == name);
  }
}

TEST_CASE("auto takes the best exact backend", "[nn]") {
  CHECK(Attention().name() == "cpu_flash");
  CHECK(Attention("auto", c10::kCUDA).name() == "torch_sdpa");
}

TEST_CASE("an unknown attention backend is refused with the names of the known ones", "[nn]") {
  CHECK_THROWS_AS(Attention("flash"), InputError);
  CHECK_THROWS_WITH(Attention("flash"),
                    "infer.attn_type: unknown attention backend flash, expected one of " +
                        join(attention_names()) + ", did you mean cpu_flash?");
}

TEST_CASE("every backend computes softmax(q k^T * scale + bias) v", "[nn]") {
  const Inputs in;
  const at::Tensor bias = at::sin(at::arange(3 * 5 * 7, at::kFloat)).view({1, 3, 5, 7});
  for (const std::string& name : attention_names()) {
    INFO(name);
    if (exact_attention(name) != name) continue;
    const Attention attention(name);
    const at::Tensor scores = at::matmul(in.q, in.k.transpose(-1, -2));
    CHECK(at::allclose(attention(in.q, in.k, in.v), at::matmul(at::softmax(scores / 2, -1), in.v),
                       1e-5, 1e-6));
    const AttentionOptions options{.kind = AttentionKind::self, .bias = bias, .scale = 1.0};
    CHECK(at::allclose(attention(in.q, in.k, in.v, options),
                       at::matmul(at::softmax(scores + bias, -1), in.v), 1e-5, 1e-6));
  }
}

/// Attends to one half of the heads after the other, and negates the result.
struct HalvesOfHeads final : parallel::AttentionHook {
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options,
                 const parallel::LocalAttention& local) const override {
    kinds.push_back(options.kind);
    std::vector<at::Tensor> halves;
    for (std::int64_t first : {0, 2})
      halves.push_back(
          local.run(q.narrow(1, first, 2), k.narrow(1, first, 2), v.narrow(1, first, 2), options));
    return at::cat(halves, 1).neg();
  }
  mutable std::vector<AttentionKind> kinds;
};

TEST_CASE("a hook wraps the backend, and may call it in parts and change the result", "[nn]") {
  const auto tensor = [](double step, std::int64_t length) {
    return at::sin(at::arange(2 * 4 * length * 8, at::kFloat) * step).view({2, 4, length, 8});
  };
  const at::Tensor q = tensor(1, 5), k = tensor(0.3, 7), v = tensor(0.7, 7);
  for (const std::string& name : attention_names()) {
    CAPTURE(name);
    const auto hook = std::make_shared<HalvesOfHeads>();
    const Attention plain(name), hooked(name, c10::kCPU, hook);
    const AttentionOptions options{.kind = AttentionKind::cross, .bias = {}, .scale = 0.5};
    CHECK(at::allclose(hooked(q, k, v, options), plain(q, k, v, options).neg(), 1e-6, 1e-7));
    CHECK(at::allclose(hooked(q, k, v), plain(q, k, v).neg(), 1e-6, 1e-7));
    CHECK((hook->kinds == std::vector{AttentionKind::cross, AttentionKind::self}));
  }
}

}  // namespace
}  // namespace chitu::nn
