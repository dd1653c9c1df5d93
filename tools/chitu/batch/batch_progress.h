#pragma once

#include <chrono>
#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

namespace chitu::tools {

/// How far a batch is.
class BatchProgress {
 public:
  enum class Form {
    bar,    ///< a line on a terminal with the stage and the time left
    lines,  ///< a line for each job that ends
    none
  };
  /// jobs  that this process has to do
  BatchProgress(std::ostream& out, Form form, std::size_t jobs);
  ~BatchProgress();
  BatchProgress(const BatchProgress&) = delete;
  BatchProgress& operator=(const BatchProgress&) = delete;

  /// jobs  of the window that begins
  void window_begin(std::size_t jobs);
  /// Share of the window's work that is done, 0 to 1.
  void window_done(double share);
  void window_end();
  void stage_begin(std::string_view stage, std::size_t jobs);
  /// A job ended; `what` tells how: its file, or why it failed.
  void job_ended(std::string_view title, std::string_view what);
  /// A line beside the progress.
  void note(std::string_view text);

  /// "12 s left", "3 min left", "1 h 20 min left"; empty while nothing is known.
  static std::string time_left(double elapsed_s, double done);

 private:
  double done() const;
  void show();
  void clear();

  using Clock = std::chrono::steady_clock;
  std::ostream& out_;
  Form form_;
  std::size_t jobs_, ended_ = 0;
  double before_window_ = 0, window_jobs_ = 0, window_share_ = 0;  ///< in jobs; the share 0 to 1
  std::string stage_;
  Clock::time_point began_ = Clock::now();
  Clock::time_point next_{};  ///< a step may take microseconds
};

}  // namespace chitu::tools
