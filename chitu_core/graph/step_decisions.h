#pragma once

#include <cstdint>
#include <string_view>

namespace chitu::graph {

/// What a denoising step computed, where a cache decides that.
struct StepDecision {
  std::string_view component;            ///< the transformer
  int step;                              ///< of the request, from 0
  std::string_view decision;             ///< "compute", "reuse" or "forecast"
  std::int64_t passes;                   ///< over the layers, in a step that computes
  std::int64_t computed_layers, layers;  ///< of each pass
  /// Attention that was reused in every layer.
  /// False in a dry run for a step that a run may skip: it counts as computed.
  bool decided = true;
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
