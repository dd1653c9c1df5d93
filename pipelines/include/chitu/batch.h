#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <stop_token>
#include <utility>

#include "chitu/video.h"

namespace chitu {

/// What one request of Engine::generate_batch() came to.
class BatchResult {
 public:
  explicit BatchResult(Video video) : video_(std::move(video)) {}
  explicit BatchResult(std::exception_ptr error) : error_(std::move(error)) {}

  bool has_video() const { return video_.has_value(); }
  /// throws  what the request failed with, as Engine::generate() would
  const Video& video() const& {
    if (!video_) std::rethrow_exception(error_);
    return *video_;
  }

 private:
  std::optional<Video> video_;
  std::exception_ptr error_;
};

/// What Engine::generate_batch() is told besides the requests.
///
/// Callbacks are called in order from the thread that called generate_batch(), and the batch waits
/// for them. They must not use the same engine. What they throw ends the batch and comes out of
/// generate_batch() as it is. Fields are added at the end alone.
struct BatchOptions {
  /// How many requests of like shape pass through the transformer together: its weights are copied
  /// to the device once for all of them, and their activations take memory at the same time. No bit
  /// of a result differs. Empty = batch.size of the configuration, 1 without one.
  std::optional<std::int64_t> size{};
  std::stop_token stop{};  ///< as RunOptions::stop
  /// Share of the work that is done, 0 to 1, after every step and every stage.
  std::function<void(double done)> on_progress{};
  /// A result is there: the video can be saved while the others are made. index as of the requests.
  std::function<void(std::size_t index, const BatchResult& result)> on_result{};
};

}  // namespace chitu
