#include "tools/chitu/progress.h"

#include <fmt/format.h>
#include <spdlog/logger.h>

#include <string>

#include "chitu_core/common/log.h"

namespace chitu::tools {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string bar(int done, int count) {
  constexpr int width = 24;
  const int full = count > 0 ? done * width / count : 0;
  return std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(width - full), '.');
}

/// Replaces the line on the terminal.
void show(std::ostream& out, std::string_view text) {
  constexpr std::string_view kToLineStartAndClear = "\r\x1b[K";
  out << kToLineStartAndClear << text << std::flush;
}

}  // namespace

ProgressBar::~ProgressBar() { show(out_, ""); }

void ProgressBar::stage_begin(std::string_view stage) {
  stage_began_ = Clock::now();
  steps_of_stage_ = 0;
  show(out_, stage);
}

void ProgressBar::stage_end(std::string_view) { show(out_, ""); }

void ProgressBar::step_end(int index, int count) {
  const int done = index + 1;
  ++steps_of_stage_;
  const double spent = seconds_since(stage_began_);
  show(out_, fmt::format("denoise [{}] {}/{}  {:.0f} s, {:.0f} s left", bar(done, count), done,
                         count, spent, spent / steps_of_stage_ * (count - done)));
}

PlanProgress::~PlanProgress() { show(out_, ""); }

void PlanProgress::look_at(const std::string& what) {
  what_ = what;
  passes_ = 0;
  show(out_, "planning " + what_);
}

void PlanProgress::stage_begin(std::string_view stage) {
  if (first_stage_.empty()) first_stage_ = stage;
  if (stage == first_stage_) ++passes_;
  show(out_, fmt::format("planning {}: {}, pass {}, {:.0f} s", what_, stage, passes_,
                         seconds_since(began_)));
}

void LogObserver::stage_begin(std::string_view stage) {
  stage_began_ = Clock::now();
  logger("run")->info("stage {} begins", stage);
}

void LogObserver::stage_end(std::string_view stage) {
  logger("run")->info("stage {} took {:.3f} s", stage, seconds_since(stage_began_));
}

void LogObserver::step_end(int index, int count) {
  logger("run")->debug("step {} of {}", index + 1, count);
}

void LogObserver::component_onloaded(std::string_view component, std::int64_t bytes) {
  logger("run")->info("{}: {:.1f} MiB of weights", component,
                      static_cast<double>(bytes) / (1 << 20));
}

void LogObserver::component_offloaded(std::string_view component) {
  logger("run")->info("{}: weights offloaded", component);
}

}  // namespace chitu::tools
