#pragma once

#include <functional>
#include <mutex>
#include <thread>

namespace chitu {

/// Starts a thread. Throws SystemLimitError when the system has none left. The thread is joined
/// when its object goes; what owns it tells it to end before.
std::jthread start_thread(std::function<void()> work);

/// Held while a library starts threads of its own: no other thread calls start_thread() meanwhile.
std::unique_lock<std::recursive_mutex> no_other_starts();

}  // namespace chitu
