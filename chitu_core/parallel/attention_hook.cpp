#include "chitu_core/parallel/attention_hook.h"

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"

namespace chitu::parallel {
namespace {

using Schemes = Registry<AttentionScheme>;

class NoScheme final : public AttentionScheme {
 public:
  std::shared_ptr<const AttentionHook> make(const AttentionSplit&) const override {
    return nullptr;
  }
};
CHITU_REGISTER(AttentionScheme, NoScheme, "none");

}  // namespace

AttentionPart LocalAttention::run_part(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                       const AttentionOptions&) const {
  throw Error("this attention does not give the log-sum-exp of its scores");
}

std::shared_ptr<const AttentionHook> attention_hook(std::string_view scheme,
                                                    const AttentionSplit& split) {
  return Schemes::instance().at(scheme, "context parallel scheme").make(split);
}

}  // namespace chitu::parallel
