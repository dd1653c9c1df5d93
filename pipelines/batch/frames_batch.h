#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "chitu_core/graph/context.h"
#include "chitu_core/graph/values.h"
#include "pipelines/batch/advised_error.h"
#include "pipelines/batch/window_forecast.h"
#include "pipelines/model/pipeline.h"

namespace chitu::pipelines {

/// What one of several requests came to.
struct BatchFrames {
  graph::Frames frames;               ///< as Pipeline::make_frames() gives them
  at::Tensor latents;                 ///< that were decoded, on the host
  std::vector<std::string> problems;  ///< what could not be written beside them
  std::exception_ptr error;           ///< why it failed; null = it did not
};

struct FramesBatchOptions {
  std::int64_t size = 1;  ///< as BatchOptions::size
  std::stop_token stop{};
  std::function<void(double)> progress{};  ///< as BatchObserver::progress(); may be empty
  /// Told about each request once, by its index. An exception from it ends the batch.
  std::function<void(std::size_t, BatchFrames)> made{};
};

/// Requests that pass the stages together and end as frames in memory. What waits between the
/// stages is in memory, too.
class FramesBatch {
 public:
  /// requests  complete and checked
  /// throws    InputError for options that cannot work; all that is given outlives this
  FramesBatch(const Pipeline& pipeline, std::span<const Request> requests,
              const FramesBatchOptions& options);

  /// For forecasts.
  const PlannedWindow& planned() const { return planned_; }

  /// throws  Interrupted; what `made` throws
  void run(const memory::MemoryPlan& plan, const WindowForecast& forecast, const Advice& advice);

 private:
  const Pipeline& pipeline_;
  const FramesBatchOptions& options_;
  PlannedWindow planned_;
};

}  // namespace chitu::pipelines
