#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"

namespace chitu::tools {

/// Generates what the configuration asks for, or decodes latents that were kept, and prints the
/// paths of the media on standard output, or with `json` one line: {"folder": "/...", "status":
/// "done", "files": [...], "metrics": "/..."}. Wrong input leaves nothing behind.
struct RunCall {
  static constexpr const char* kCommand = "run";
  config::Composition composition{};
  std::filesystem::path folder{};   ///< where its files go
  bool own_folder = false;          ///< choose another name when the folder is there already
  bool restarts_clock = false;      ///< count seconds from now, not from the start of the process
  bool json = false;                ///< how to print the result
  std::filesystem::path latents{};  ///< absolute; decodes these alone instead of generating
  /// Flags that say from what the configuration is composed, as typed: for a command to type next.
  std::vector<std::string> compose_flags{};
};

/// Opens the checkpoint and checks the request as a RunCall does, without running.
struct CheckCall {
  static constexpr const char* kCommand = "check";
  config::Composition composition{};
  std::filesystem::path folder{};
  std::string title{};  ///< of the job, for messages about two jobs
};

}  // namespace chitu::tools
