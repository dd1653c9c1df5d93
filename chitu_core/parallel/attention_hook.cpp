#include "chitu_core/parallel/attention_hook.h"

#include "chitu_core/common/registry.h"

namespace chitu::parallel {
namespace {

using Schemes = Registry<AttentionScheme>;

class NoScheme final : public AttentionScheme {
 public:
  std::shared_ptr<const AttentionHook> make() const override { return nullptr; }
};
CHITU_REGISTER(AttentionScheme, NoScheme, "none");

}  // namespace

std::shared_ptr<const AttentionHook> attention_hook(std::string_view scheme) {
  return Schemes::instance().at(scheme, "context parallel scheme").make();
}

}  // namespace chitu::parallel
