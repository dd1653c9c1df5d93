#include "tests/regress/planted.h"

#include <ATen/ATen.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/nn/attention.h"

namespace chitu::testing {
namespace {

class PlantedAttention final : public nn::AttentionBackend {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const nn::AttentionOptions& options) const override {
    const auto& usual = Registry<nn::AttentionBackend>::instance().at("torch_sdpa", "backend");
    at::Tensor result = usual.run(q, k, v, options);
    if (planted().fails) throw Error("planted failure");
    if (planted().noise) result = result * 1.01;
    if (planted().copies > 0) {
      --planted().copies;
      result = device::move_to(device::move_to(result, at::kCPU), q.device());
    }
    return result;
  }
  int rank() const override { return -1; }
  bool runs_on(c10::DeviceType) const override { return true; }
};

CHITU_REGISTER(nn::AttentionBackend, PlantedAttention, "planted");

}  // namespace

Planted& planted() {
  static Planted instance;
  return instance;
}

}  // namespace chitu::testing
