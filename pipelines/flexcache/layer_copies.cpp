#include "pipelines/flexcache/layer_copies.h"

#include <algorithm>

namespace chitu::pipelines {
namespace {

struct Passes {
  std::int64_t computed = 0, left_out = 0;
};

Passes passes_of(const std::string& component, std::int64_t layer,
                 const CacheDecisions& decisions) {
  Passes passes;
  for (const graph::StepDecision& step : decisions.steps()) {
    if (step.component != component) continue;
    const bool computes =
        layer >= step.first_layer && layer < step.first_layer + step.computed_layers;
    (computes ? passes.computed : passes.left_out) += step.passes;
  }
  return passes;
}

}  // namespace

void LayerCopies::add(std::string_view component, const memory::StreamEvent& event) {
  if (event.kind == memory::StreamEvent::Kind::host_to_device)
    copied_[{std::string(component), event.layer}] += event.bytes;
}

std::int64_t LayerCopies::copied_bytes(const CacheDecisions& decisions) const {
  std::int64_t sum = 0;
  for (const auto& [layer, bytes] : copied_)
    if (passes_of(layer.first, layer.second, decisions).computed > 0) sum += bytes;
  return sum;
}

std::int64_t LayerCopies::saved_bytes(const CacheDecisions& decisions) const {
  std::int64_t sum = 0;
  for (const auto& [layer, bytes] : copied_) {
    const Passes passes = passes_of(layer.first, layer.second, decisions);
    if (passes.computed > 0) sum += bytes / passes.computed * passes.left_out;
  }
  return sum;
}

}  // namespace chitu::pipelines
