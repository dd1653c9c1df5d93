#pragma once

#include <cstdint>
#include <string>

namespace chitu::graph {

/// What a denoising step computed, where a cache decides that.
struct StepDecision {
  std::string component;                 ///< the transformer
  std::string decision;                  ///< "compute", "reuse" or "forecast"
  int step;                              ///< of the request, from 0
  std::int64_t passes;                   ///< over the layers, in a step that computes
  std::int64_t computed_layers, layers;  ///< of each pass
  std::int64_t first_layer = 0;          ///< of those that computed
  /// False in a dry run for a step that a run may skip: it counts as computed.
  bool decided = true;
  /// Attention that was reused in every layer.
  bool self_attention_reused = false, cross_attention_reused = false;
};

/// An Observer that also wants the decisions of caches. In a header of its own, as most do not.
class StepDecisionObserver {
 public:
  virtual ~StepDecisionObserver() = default;
  /// Before step_end().
  virtual void step_decided(const StepDecision& decision) = 0;
};

}  // namespace chitu::graph
