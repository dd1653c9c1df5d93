#pragma once

#include <spdlog/fwd.h>

#include <memory>
#include <string_view>

namespace chitu {

/// The logger "chitu.<area>", created at first use with the sinks of the default logger. Its level
/// is set with SPDLOG_LEVEL=chitu.<area>=debug.
std::shared_ptr<spdlog::logger> logger(std::string_view area);

}  // namespace chitu
