#pragma once

namespace chitu {

/// Where a program registers a logger of this name with spdlog, its sinks and level are those of
/// all loggers of chitu that are created later (chitu_core/common/log.h).
inline constexpr const char* kOwnLogger = "chitu";

}  // namespace chitu
