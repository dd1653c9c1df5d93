#pragma once

#include <chrono>
#include <ostream>
#include <string>
#include <string_view>

#include "chitu_core/graph/events.h"

namespace chitu::tools {

/// A line on a terminal with the stage, the step and the time left. The end clears it.
class ProgressBar final : public graph::Observer {
 public:
  explicit ProgressBar(std::ostream& out) : out_(out) {}
  ~ProgressBar() override;

  void stage_begin(std::string_view stage) override;
  void stage_end(std::string_view stage) override;
  void step_end(int index, int count) override;

 private:
  std::ostream& out_;
  std::chrono::steady_clock::time_point stage_began_;
  int steps_of_stage_ = 0;  ///< the steps of a request may be taken by several stages
};

/// A line on a terminal about planning: the current question and the elapsed time.
class PlanProgress final : public graph::Observer {
 public:
  explicit PlanProgress(std::ostream& out) : out_(out) {}
  ~PlanProgress() override;

  void look_at(const std::string& what);
  void stage_begin(std::string_view stage) override;

 private:
  std::ostream& out_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::string what_, first_stage_;
  int passes_ = 0;  ///< dry passes through the pipeline
};

/// Logs the events of a run to chitu.run.
class LogObserver final : public graph::Observer {
 public:
  void stage_begin(std::string_view stage) override;
  void stage_end(std::string_view stage) override;
  void step_end(int index, int count) override;
  void component_onloaded(std::string_view component, std::int64_t bytes) override;
  void component_offloaded(std::string_view component) override;

 private:
  std::chrono::steady_clock::time_point stage_began_;
};

}  // namespace chitu::tools
