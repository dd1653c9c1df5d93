#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/chitu/regress/case_run.h"
#include "tools/chitu/regress/record_store.h"
#include "tools/chitu/regress/verdict.h"

namespace chitu::tools {

/// A case with what its reports show.
struct CaseReport {
  Verdict verdict;
  StoredRecord stored;
  std::optional<CaseOutcome> outcome;  ///< empty when the run failed
};

/// The name of a kind in reports: "frames".
const char* name_of(Finding::Kind kind);

/// "4 cases: 3 passed, 1 regressed".
std::string summary(const std::vector<CaseReport>& cases);

/// The rows of a table with a head and a row for each case.
std::vector<std::vector<std::string>> case_rows(const std::vector<CaseReport>& cases);

/// For a terminal: the table, and what each case that failed did worse.
std::string to_text(const std::vector<CaseReport>& cases);

/// For programs; docs/regress.md names its keys.
nlohmann::json to_json(const std::vector<CaseReport>& cases);

/// A JUnit XML file; `suite` is the name of the cases file.
std::string to_junit(const std::vector<CaseReport>& cases, const std::string& suite);

/// A page that needs no other file: the table; for each case the frames that differ most beside
/// those of its record, its stages, and the memory of both over each other.
std::string to_html(const std::vector<CaseReport>& cases, const std::string& suite);

}  // namespace chitu::tools
