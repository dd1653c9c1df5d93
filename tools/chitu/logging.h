#pragma once

#include <filesystem>
#include <string>

#include "chitu_core/config/compose/compose.h"

namespace chitu::tools {

/// Sends every logger's warnings to standard error, and hears SPDLOG_LEVEL and `hydra.verbose`:
/// true shows everything, a logger's name or a list of them only theirs. Call before the first
/// logger is made; later calls change what is shown.
void start_logging(const config::Composition& composition);

/// Whether standard error shows what is logged at level info.
bool console_shows_info();

/// Also writes everything from info upwards to this file, from now until stop_log_file().
void start_log_file(const std::filesystem::path& file);
/// Returns whether all that was logged is in the file.
bool stop_log_file();

/// Writes what ended a run to the log file, where there is one, and not to standard error.
void log_failure(const std::string& text);

}  // namespace chitu::tools
