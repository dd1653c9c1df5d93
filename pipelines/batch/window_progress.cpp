#include "pipelines/batch/window_progress.h"

#include <utility>

namespace chitu::pipelines {

WindowProgress::WindowProgress(std::function<void(double)> tell, const WindowWork& work)
    : tell_(std::move(tell)), work_(work) {}

void WindowProgress::end() {
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  if (tell_) tell_(work_.done_at(place_, 1));
}

void WindowProgress::step_end(int index, int count) {
  if (error_ || !tell_) return;
  try {
    tell_(work_.done_at(place_, (index + 1.0) / count));
  } catch (...) {
    error_ = std::current_exception();
  }
}

}  // namespace chitu::pipelines
