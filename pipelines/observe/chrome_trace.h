#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chitu::pipelines {

/// Spans of time on named tracks and values of counters, written in the Chrome trace event format,
/// which ui.perfetto.dev and chrome://tracing open. Safe from several threads.
///
/// source  "Trace Event Format", github.com/google/trace-viewer
class ChromeTrace {
 public:
  using Clock = std::chrono::steady_clock;
  using Args = std::vector<std::pair<std::string, std::int64_t>>;
  /// A row of the picture. Tracks are in the order of `rank`, then of their first span.
  struct Track {
    int rank;
    std::string name;
    bool operator==(const Track&) const = default;
  };

  /// Times count from now.
  ChromeTrace() : start_(Clock::now()) {}

  /// Spans of one track must not overlap unless one is within the other.
  void span(const Track& track, std::string name, Clock::time_point begin, Clock::time_point end,
            Args args = {});
  /// A mark at one moment.
  void instant(const Track& track, std::string name, Clock::time_point at, Args args = {});
  void counter(const std::string& name, Clock::time_point at, std::int64_t value);

  /// The whole trace as JSON, in order of time.
  std::string text() const;

 private:
  struct Event {
    char phase;  ///< X span, i instant, C counter
    std::size_t track;
    std::string name;
    Clock::time_point begin, end;
    Args args;
  };

  void add(char phase, const Track& track, std::string name, Clock::time_point begin,
           Clock::time_point end, Args args);
  double microseconds(Clock::time_point at) const;

  Clock::time_point start_;
  mutable std::mutex mutex_;
  std::vector<Track> tracks_;
  std::vector<Event> events_;
};

}  // namespace chitu::pipelines
