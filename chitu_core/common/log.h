#pragma once

#include <spdlog/fwd.h>

#include <memory>
#include <string_view>

namespace chitu {

/// The logger "chitu.<area>", made at first use with the default logger's sinks. Its level is heard
/// with SPDLOG_LEVEL=chitu.<area>=debug.
std::shared_ptr<spdlog::logger> logger(std::string_view area);

}  // namespace chitu
