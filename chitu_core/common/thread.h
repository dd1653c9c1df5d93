#pragma once

#include <functional>
#include <thread>

namespace chitu {

/// Starts a thread. Throws SystemLimitError when the system has none left. The thread is joined
/// when its object goes; what owns it tells it to end before.
std::jthread start_thread(std::function<void()> work);

}  // namespace chitu
