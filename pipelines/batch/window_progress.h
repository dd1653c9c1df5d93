#pragma once

#include <exception>
#include <functional>

#include "chitu_core/graph/events.h"
#include "pipelines/batch/window_forecast.h"

namespace chitu::pipelines {

/// Tells how far a window is: the share of its predicted work that is done. Within a stage, where
/// it would be taken for a fault of the stage, an exception from the callback waits for the stage's
/// end.
class WindowProgress final : public graph::Observer {
 public:
  /// tell  may be empty
  /// work  outlives this
  WindowProgress(std::function<void(double)> tell, const WindowWork& work);

  void begin(const WindowPlace& place) { place_ = place; }
  void end();
  void step_end(int index, int count) override;

 private:
  std::function<void(double)> tell_;
  const WindowWork& work_;
  WindowPlace place_{};
  std::exception_ptr error_;
};

}  // namespace chitu::pipelines
