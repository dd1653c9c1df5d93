#include "pipelines/api/batch_collector.h"

#include <utility>

#include "pipelines/api/plain_errors.h"
#include "pipelines/api/requests.h"
#include "pipelines/api/video_access.h"

namespace chitu::api {
namespace {

Video video_of(const pipelines::Request& request, pipelines::BatchFrames frames) {
  return VideoAccess::make({.frames = checked_frames(frames.frames.frames),
                            .latents = std::move(frames.latents),
                            .completed = request,
                            .request = from_complete(request),
                            .problems = std::move(frames.problems)});
}

BatchResult result_of(const pipelines::Request& request, pipelines::BatchFrames frames) {
  try {
    return BatchResult(with_plain_errors([&] {
      if (frames.error) std::rethrow_exception(frames.error);
      return video_of(request, std::move(frames));
    }));
  } catch (...) {
    return BatchResult(std::current_exception());
  }
}

}  // namespace

void BatchCollector::call(const auto& callback, const auto&... arguments) {
  if (!callback) return;
  try {
    callback(arguments...);
  } catch (...) {
    failure_ = std::current_exception();
    throw;
  }
}

pipelines::FramesBatchOptions BatchCollector::options(
    std::int64_t size, const std::vector<pipelines::Request>& requests) {
  return {.size = size,
          .stop = options_.stop,
          .progress = [this](double done) { call(options_.on_progress, done); },
          .made =
              [this, &requests](std::size_t index, pipelines::BatchFrames frames) {
                results_[index] = result_of(requests[index], std::move(frames));
                call(options_.on_result, index, *results_[index]);
              }};
}

std::vector<BatchResult> BatchCollector::take() {
  std::vector<BatchResult> results;
  for (auto& result : results_) results.push_back(std::move(result).value());
  return results;
}

}  // namespace chitu::api
