#include "chitu_core/parallel/attention_hook.h"

#include <ATen/core/Tensor.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "tests/support/catch.h"

namespace chitu::parallel {
namespace {

struct Through final : AttentionHook {
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options, const LocalAttention& local) const override {
    return local.run(q, k, v, options);
  }
};
class ThroughScheme final : public AttentionScheme {
 public:
  std::shared_ptr<const AttentionHook> make(const AttentionSplit&) const override {
    return std::make_shared<Through>();
  }
};
CHITU_REGISTER(AttentionScheme, ThroughScheme, "through");

TEST_CASE("a scheme is found by its registered name, and `none` has no hook", "[parallel]") {
  CHECK(attention_hook("none") == nullptr);
  CHECK(dynamic_cast<const Through*>(attention_hook("through").get()) != nullptr);
}

TEST_CASE("an unknown scheme is refused with the names of the known ones", "[parallel]") {
  CHECK_THROWS_AS(attention_hook("spiral"), InputError);
  CHECK_THROWS_WITH(attention_hook("spiral"),
                    "unknown context parallel scheme spiral, expected one of " +
                        join(Registry<AttentionScheme>::instance().names()));
}

}  // namespace
}  // namespace chitu::parallel
