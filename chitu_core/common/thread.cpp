#include "chitu_core/common/thread.h"

#include <system_error>
#include <utility>

#include "chitu_core/common/system_limits.h"

namespace chitu {

std::jthread start_thread(std::function<void()> work) {
  try {
    return std::jthread(std::move(work));
  } catch (const std::system_error& error) {
    fail_system_call("cannot start a thread", error.code().value());
  }
}

}  // namespace chitu
