#include "tests/regress/planted.h"

#include <ATen/ATen.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/graph/values.h"
#include "chitu_core/nn/attention.h"
#include "pipelines/model/value_stage.h"

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

class PlantedStage final : public pipelines::ValueStage<graph::Frames> {
 public:
  graph::Frames run(const graph::Frames& input, const pipelines::Request&,
                    graph::Context&) const override {
    if (!planted().pixel || device::in_dry_run()) return input;
    at::Tensor frames = input.frames.clone();
    frames[3][4][5][1].bitwise_xor_(1);
    return {frames};
  }
};

CHITU_REGISTER(pipelines::StageExtension, PlantedStage, "planted");

}  // namespace

Planted& planted() {
  static Planted instance;
  return instance;
}

}  // namespace chitu::testing
