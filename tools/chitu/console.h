#pragma once

#include <string>
#include <vector>

namespace chitu::tools {

/// What standard error shows beside errors: chosen by --log-level and --quiet, else by the
/// environment variable CHITU_LOG_LEVEL. Kept in that variable, which the engine library and the
/// processes of a sweep read as well.
namespace console {

/// trace, debug, info, warn, error.
const std::vector<std::string>& levels();

/// throws  InputError when it is none of levels()
void choose_level(const std::string& level);

/// The level that was chosen; empty when none was.
///
/// throws  InputError naming CHITU_LOG_LEVEL when it is none of levels()
std::string level();
/// Checks SPDLOG_LEVEL: a level, or logger=level, or several with commas.
///
/// throws  InputError that names it
void check_logger_levels();

/// Nothing but errors: no warnings, progress, or tables.
bool is_quiet();

/// Whether standard error is a terminal, and not quiet, on the first rank.
bool shows_progress();

/// Whether this process is the first of a launch, or the only one: what all ranks would print alike
/// is printed by it alone.
bool is_first_rank();

/// "rank 1: " before what a rank of several prints; else empty.
std::string rank_label();

/// Whether standard error takes colours: a terminal that can, and NO_COLOR is not set.
bool has_colors();

/// "error: " or "warning: ", coloured where standard error takes colours.
std::string label(const std::string& word);

}  // namespace console
}  // namespace chitu::tools
