#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/chitu/regress/regress_case.h"

namespace chitu::tools {

/// What `chitu regress` reads from cases.yaml; docs/regress.md describes the file.
struct CasesFile {
  std::filesystem::path path;
  std::filesystem::path records;  ///< the folder of the golden records
  std::vector<RegressCase> cases;
};

/// Reads a cases file and composes the configuration of every case. With `only`, keeps the cases of
/// these names and the references of those that are timed.
///
/// throws  InputError "<file>:<line>: ..." for YAML errors, unknown keys, wrong values, two cases
/// of
///         one name, a reference that is not a case, and an override that does not compose
CasesFile read_cases(const std::filesystem::path& path, const std::vector<std::string>& only);

}  // namespace chitu::tools
