#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "chitu_core/config/compose/compose.h"

namespace chitu::tools {

/// The log of this process. Warnings of every logger go to standard error, since standard output is
/// for results; --log-level asks for more or less. Construct it before the first logger.
class Logging {
 public:
  Logging();
  ~Logging();
  Logging(const Logging&) = delete;
  Logging& operator=(const Logging&) = delete;

  /// Call when a run begins: sets levels from SPDLOG_LEVEL and `hydra.verbose` (true shows
  /// everything; a logger's name, or a list of names, shows only these), and keeps what is logged
  /// for the file of this run.
  void begin_run(const config::Composition& composition);

  enum class File { anew, append };
  /// Also writes everything from level info upwards to this file, until stop_file().
  ///
  /// throws  InputError or SystemLimitError when it cannot be written
  void start_file(const std::filesystem::path& file, File mode = File::anew);
  /// Returns whether the file has everything that was logged.
  bool stop_file();

  /// Writes what ended a run to the log file, where there is one, and not to standard error.
  void log_failure(const std::string& text);

  /// Whether standard error shows what is logged at level info.
  bool console_shows_info() const;

 private:
  /// That of --log-level, above SPDLOG_LEVEL and hydra.verbose.
  void apply_chosen_level();

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chitu::tools
