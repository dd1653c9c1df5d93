#include "tools/chitu/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/parallel/launch.h"

namespace chitu::tools::console {
namespace {

constexpr const char* kVariable = "CHITU_LOG_LEVEL";

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

void check(const std::string& source, const std::string& level) {
  if (std::find(levels().begin(), levels().end(), level) == levels().end())
    throw InputError(source + level + ": " + expected_one_of(level, levels()));
}

/// One process where the launch cannot be read: a command that needs it says so.
parallel::Launch launch_or_one() {
  try {
    return parallel::read_launch();
  } catch (const InputError&) {
    return {};
  }
}

}  // namespace

const std::vector<std::string>& levels() {
  static const std::vector<std::string> all{"trace", "debug", "info", "warn", "error"};
  return all;
}

void choose_level(const std::string& level) {
  check("--log-level ", level);
  ::setenv(kVariable, level.c_str(), 1);
}

std::string level() {
  const std::string chosen(environment(kVariable));
  if (!chosen.empty()) check(std::string(kVariable) + "=", chosen);
  return chosen;
}

void check_logger_levels() {
  const char* const kLoggers = "SPDLOG_LEVEL";
  std::vector<std::string> known = levels();
  known.insert(known.end(), {"warning", "err", "critical", "off"});
  std::istringstream items{std::string(environment(kLoggers))};
  for (std::string item; std::getline(items, item, ',');) {
    const std::string level = item.substr(item.find('=') + 1);  // npos + 1 = 0: the whole item
    if (std::ranges::find(known, level) == known.end())
      throw InputError(fmt::format("{}={}: {}, or a logger and a level, as chitu.memory=debug",
                                   kLoggers, item, expected_one_of(level, known)));
  }
}

bool is_quiet() { return environment(kVariable) == "error"; }

bool shows_progress() { return ::isatty(STDERR_FILENO) && !is_quiet() && is_first_rank(); }

bool is_first_rank() { return launch_or_one().rank == 0; }

std::string rank_label() {
  const parallel::Launch launch = launch_or_one();
  return launch.size > 1 ? "rank " + std::to_string(launch.rank) + ": " : "";
}

bool has_colors() {
  const std::string_view terminal = environment("TERM");
  return ::isatty(STDERR_FILENO) && environment("NO_COLOR").empty() && !terminal.empty() &&
         terminal != "dumb";
}

std::string label(const std::string& word) {
  if (!has_colors()) return word + ": ";
  const char* color = word == "error" ? "\x1b[1;31m" : "\x1b[1;33m";
  return color + word + ":\x1b[0m ";
}

}  // namespace chitu::tools::console
