#pragma once

#include <filesystem>

namespace chitu::tools {

/// Sends every logger's warnings to standard error, and hears SPDLOG_LEVEL. Call before the first
/// logger is made.
void start_logging();

/// Also writes everything from info upwards to this file, from now until stop_log_file().
void start_log_file(const std::filesystem::path& file);
void stop_log_file();

}  // namespace chitu::tools
