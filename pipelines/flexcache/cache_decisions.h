#pragma once

#include <cstdint>
#include <iterator>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "chitu_core/graph/step_decisions.h"

namespace chitu::pipelines {

/// What a cache decided in the steps of a run or of a dry run.
class CacheDecisions {
 public:
  void add(const graph::StepDecision& decision) { steps_.push_back(decision); }
  void add(const CacheDecisions& others);
  const std::vector<graph::StepDecision>& steps() const { return steps_; }
  bool empty() const { return steps_.empty(); }

  /// Computed layers of all passes, and those of a run without a cache.
  std::int64_t computed_layers() const;
  std::int64_t all_layers() const;
  /// Steps that computed all layers, or some.
  std::int64_t full_steps() const;
  std::int64_t partial_steps() const;
  std::int64_t step_count() const { return std::ssize(steps_); }
  /// Passes over all layers that the computed ones amount to, per pass of a step; rounded down.
  std::int64_t passes() const;
  /// Whether all steps are decided; else they are the most that a run computes.
  bool is_exact() const;
  /// "24 of 50 steps, 48.0 % of the layers", or "at most" that.
  std::string text() const;

 private:
  std::vector<graph::StepDecision> steps_;
};

/// {"steps": [...], "computed_layers": n, "all_layers": n, "saved_share": 0 to 1}
nlohmann::json to_json(const CacheDecisions& decisions);

}  // namespace chitu::pipelines
