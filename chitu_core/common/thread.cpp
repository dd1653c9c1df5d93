#include "chitu_core/common/thread.h"

#include <chrono>
#include <system_error>

#include "chitu_core/common/system_limits.h"

namespace chitu {

std::unique_lock<std::recursive_mutex> no_other_starts() {
  static std::recursive_mutex starts;
  return std::unique_lock(starts);
}

std::jthread start_thread(std::function<void()> work) {
  // Threads that have just ended may still count against the limits of the system.
  constexpr int kTries = 20;
  constexpr std::chrono::milliseconds kPause{2};
  const auto lock = no_other_starts();
  for (int tries = 1;; ++tries) {
    try {
      return std::jthread(work);
    } catch (const std::system_error& error) {
      if (tries == kTries) fail_system_call("cannot start a thread", error.code().value());
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace chitu
