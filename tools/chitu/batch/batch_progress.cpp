#include "tools/chitu/batch/batch_progress.h"

#include <fmt/format.h>

#include <algorithm>

namespace chitu::tools {
namespace {

constexpr std::chrono::milliseconds kInterval{100};
constexpr const char* kToLineStartAndClear = "\r\x1b[K";
constexpr double kLeastKnown = 0.005;  // an estimate from less work is none

std::string bar(double done) {
  constexpr std::size_t width = 24;
  const auto full = std::min(width, static_cast<std::size_t>(done * width));
  return std::string(full, '#') + std::string(width - full, '.');
}

}  // namespace

BatchProgress::BatchProgress(std::ostream& out, Form form, std::size_t jobs)
    : out_(out), form_(form), jobs_(jobs) {}

BatchProgress::~BatchProgress() { clear(); }

void BatchProgress::window_begin(std::size_t jobs) {
  window_jobs_ = static_cast<double>(jobs);
  window_share_ = 0;
  show();
}

void BatchProgress::window_done(double share) {
  window_share_ = share;
  if (Clock::now() < next_) return;
  next_ = Clock::now() + kInterval;
  show();
}

void BatchProgress::window_end() {
  before_window_ += window_jobs_;
  window_jobs_ = window_share_ = 0;
}

void BatchProgress::stage_begin(std::string_view stage, std::size_t jobs) {
  stage_ = stage;
  if (jobs > 1) stage_ += fmt::format(" of {} jobs", jobs);
  show();
}

void BatchProgress::job_ended(std::string_view title, std::string_view what) {
  ++ended_;
  show();
  if (form_ == Form::lines)
    out_ << fmt::format("{} of {}: {}: {}\n", ended_, jobs_, title, what) << std::flush;
}

void BatchProgress::note(std::string_view text) {
  clear();
  out_ << text << "\n" << std::flush;
}

double BatchProgress::done() const {
  if (jobs_ == 0) return 1;
  return std::min(1.0,
                  (before_window_ + window_jobs_ * window_share_) / static_cast<double>(jobs_));
}

std::string BatchProgress::time_left(double elapsed_s, double done) {
  if (done < kLeastKnown || done >= 1) return "";
  const double left = elapsed_s * (1 - done) / done;
  if (left < 90) return fmt::format("{:.0f} s left", left);
  const auto minutes = static_cast<long>(left / 60 + 0.5);
  if (minutes < 90) return fmt::format("{} min left", minutes);
  return fmt::format("{} h {:02} min left", minutes / 60, minutes % 60);
}

void BatchProgress::show() {
  if (form_ != Form::bar) return;
  const double elapsed = std::chrono::duration<double>(Clock::now() - began_).count();
  const std::string left = time_left(elapsed, done());
  out_ << kToLineStartAndClear
       << fmt::format("[{}] {}/{} jobs  {}{}{}", bar(done()), ended_, jobs_, stage_,
                      left.empty() ? "" : "  ", left)
       << std::flush;
}

void BatchProgress::clear() {
  if (form_ == Form::bar) out_ << kToLineStartAndClear << std::flush;
}

}  // namespace chitu::tools
