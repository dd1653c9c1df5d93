#pragma once

#include <functional>
#include <mutex>
#include <thread>

namespace chitu {

/// Starts a thread. Throws SystemLimitError when the system cannot. The destructor joins the
/// thread, so its owner must make it end first.
std::jthread start_thread(std::function<void()> work);

/// Hold this while a library starts its own threads: start_thread() waits in other threads.
std::unique_lock<std::recursive_mutex> no_other_starts();

}  // namespace chitu
