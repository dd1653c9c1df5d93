#include "tools/chitu/counted_progress.h"

#include <iostream>
#include <utility>

#include "tools/chitu/console.h"

namespace chitu::tools {
namespace {

constexpr std::chrono::milliseconds kSilence{500}, kInterval{100};
constexpr const char* kToLineStartAndClear = "\r\x1b[K";

}  // namespace

CountedProgress::CountedProgress(std::string what, std::size_t count)
    : what_(std::move(what)),
      count_(count),
      on_terminal_(console::shows_progress()),
      next_(Clock::now() + kSilence) {}

CountedProgress::~CountedProgress() {
  if (shown_) std::cerr << kToLineStartAndClear << std::flush;
}

void CountedProgress::show(std::size_t number) {
  if (!on_terminal_ || Clock::now() < next_) return;
  next_ = Clock::now() + kInterval;
  shown_ = true;
  std::cerr << kToLineStartAndClear << what_ << " " << number << " of " << count_ << std::flush;
}

}  // namespace chitu::tools
