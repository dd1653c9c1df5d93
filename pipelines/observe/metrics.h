#pragma once

#include <cstdint>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/device/traffic.h"
#include "chitu_core/graph/events.h"
#include "chitu_core/graph/frames_observer.h"
#include "chitu_core/graph/step_decisions.h"
#include "chitu_core/io/frames_digest.h"
#include "pipelines/flexcache/cache_decisions.h"
#include "pipelines/flexcache/layer_copies.h"
#include "pipelines/observe/run_clock.h"
#include "pipelines/observe/stage_cost.h"

namespace chitu::pipelines {

/// The version of what report() tells; docs/metrics.schema.json describes it. It grows when a field
/// goes or changes its meaning. New fields may come without it.
inline constexpr int kMetricsVersion = 1;

/// Measures the cost of a run: time, memory and traffic of each stage, seconds of each step,
/// counted by the given clock, and bytes of each component. Takes a digest of the frames.
class Metrics final : public graph::Observer,
                      public graph::FramesObserver,
                      public graph::StepDecisionObserver {
 public:
  explicit Metrics(c10::Device device, RunClock clock = RunClock::since_process_start());

  void stage_begin(std::string_view stage) override;
  void stage_end(std::string_view stage) override;
  void step_begin(int index, int count) override;
  void step_end(int index, int count) override;
  void component_onloaded(std::string_view component, std::int64_t bytes) override;
  void frames_made(const at::Tensor& frames) override;
  void step_decided(const graph::StepDecision& decision) override { decisions_.add(decision); }
  void layer_streamed(std::string_view component,
                      const memory::StreamEvent& event) noexcept override;

  /// The stages so far; one that has not ended has its current values.
  std::vector<StageCost> stages() const;
  /// What a cache decided so far; empty without one.
  const CacheDecisions& decisions() const { return decisions_; }
  /// "10 of 20 steps, 50.0 % of the layers; 47.7 MiB of 95.3 MiB of layers not copied".
  std::string cache_text() const;
  /// All measurements so far, with the versions of chitu and libtorch.
  nlohmann::json report() const;

 private:
  struct Step {
    int index;
    double begin_s, end_s;
  };
  /// Counters of the process at the start of the stage.
  struct Before {
    device::Traffic traffic;
    std::int64_t disk_bytes = 0;
  };
  /// Of the threads that load layers, and of the model that waits for them.
  struct Streaming {
    double busy_s = 0, waited_s = 0;
  };

  void measure(StageCost& stage) const;
  nlohmann::json cache_report() const;

  c10::Device device_;
  RunClock clock_;
  std::vector<StageCost> stages_;
  bool in_stage_ = false;
  Before before_;
  std::vector<Step> steps_;
  CacheDecisions decisions_;
  std::vector<std::pair<std::string, std::int64_t>> components_;
  std::optional<io::FramesDigest> frames_;
  std::int64_t peak_host_bytes_ = 0;  ///< before the stage
  mutable std::mutex mutex_;
  Streaming streaming_;  ///< of the stage
  LayerCopies copies_;
};

}  // namespace chitu::pipelines
