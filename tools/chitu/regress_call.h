#pragma once

#include <filesystem>
#include <string>

#include "tools/chitu/regress/cases_file.h"

namespace chitu::tools {

/// What `chitu regress` asks of the engine library. Returns 1 when a case regressed or did not run.
struct RegressCall {
  static constexpr const char* kCommand = "regress";
  std::string action;  ///< run, record or update
  CasesFile cases{};
  std::filesystem::path out{};  ///< of run: the folder of report.html and junit.xml
  bool json = false;            ///< of run: print JSON instead of a table
  bool dry_run = false;         ///< of update: show changes and write nothing
  bool add = false;             ///< of update: keep the earlier sums of this machine
  bool forget_others = false;   ///< of update: drop the sums of other machines
};

}  // namespace chitu::tools
