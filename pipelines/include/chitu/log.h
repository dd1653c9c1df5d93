#pragma once

#include <functional>
#include <string_view>

namespace chitu {

/// From the least important to the most. New levels are added at the end only.
enum class LogLevel { debug, info, warning, error, off };

/// One message. `area` is the part of chitu that it comes from: "memory".
using LogSink = std::function<void(LogLevel level, std::string_view area, std::string_view text)>;

/// Sends the messages of the whole process from this level on to `sink`, one at a time; a null sink
/// writes them to standard error, which is also where warnings and errors go without this call.
/// `sink` must not throw and must not call chitu. Safe from any thread.
void set_log(LogLevel level, LogSink sink = nullptr);

}  // namespace chitu
