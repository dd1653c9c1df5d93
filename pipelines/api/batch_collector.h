#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <vector>

#include "chitu/run_options.h"
#include "chitu/video.h"
#include "pipelines/batch/frames_batch.h"

namespace chitu::api {

/// Collects the results of a batch, and passes them and the progress to the callbacks.
class BatchCollector {
 public:
  /// options  outlives this
  BatchCollector(const BatchOptions& options, std::size_t requests)
      : options_(options), results_(requests) {}
  BatchCollector(const BatchCollector&) = delete;

  /// requests  complete; outlives the batch
  pipelines::FramesBatchOptions options(std::int64_t size,
                                        const std::vector<pipelines::Request>& requests);
  std::vector<BatchResult> take();

  /// Throws again what a callback threw, if one did.
  void rethrow_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void call(const auto& callback, const auto&... arguments);

  const BatchOptions& options_;
  std::vector<std::optional<BatchResult>> results_;
  std::exception_ptr failure_;
};

}  // namespace chitu::api
