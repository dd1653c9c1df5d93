#pragma once

#include <c10/core/Device.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chitu_core/graph/events.h"
#include "chitu_core/graph/step_decisions.h"
#include "pipelines/observe/chrome_trace.h"
#include "pipelines/observe/memory_svg.h"
#include "pipelines/observe/memory_timeline.h"
#include "pipelines/observe/operator_times.h"

namespace chitu::pipelines {

/// Profiles a run: when each stage, step and layer computed, what was streamed meanwhile, how much
/// device memory was in use, and which operators took the time. One at a time.
///
/// Waits for the device after each layer, so that a span covers its own work. A profiled run on an
/// asynchronous device is therefore a little slower. Its results are the same.
class Profile final : public graph::Observer, public graph::StepDecisionObserver {
 public:
  struct File {
    std::string name, text;
  };
  static constexpr std::array kFileNames{"trace.json", "memory.svg", "operators.txt"};

  explicit Profile(c10::Device device);

  void stage_begin(std::string_view stage) override;
  void stage_end(std::string_view stage) override;
  void step_begin(int index, int count) override;
  void step_end(int index, int count) override;
  void step_decided(const graph::StepDecision& decision) override;
  void component_onloaded(std::string_view component, std::int64_t bytes) override;
  void component_offloaded(std::string_view component) override;
  void layer_begin(std::string_view component, std::int64_t index) override;
  void layer_end(std::string_view component, std::int64_t index) override;
  void layer_streamed(std::string_view component,
                      const memory::StreamEvent& event) noexcept override;

  /// Stops profiling and returns the files of kFileNames, in that order. Open spans, of a run that
  /// failed or was interrupted, end now.
  std::vector<File> finish();

 private:
  using Clock = ChromeTrace::Clock;
  struct Open {
    ChromeTrace::Track track;
    std::string name;
    Clock::time_point begin;
  };

  void begin(ChromeTrace::Track track, std::string name);
  void end();
  double seconds(Clock::time_point at) const;

  c10::Device device_;
  Clock::time_point start_ = Clock::now();
  ChromeTrace trace_;
  std::optional<MemoryTimeline> memory_;  ///< starts with the first stage
  std::optional<OperatorTimes> operators_;
  MemoryChart chart_;
  std::vector<Open> open_;  ///< outermost first
};

}  // namespace chitu::pipelines
