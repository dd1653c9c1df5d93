#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::tools {

/// One field of a row.
struct CsvCell {
  std::string text;
  bool quoted = false;  ///< an empty cell without quotes is no value
};

struct CsvRow {
  std::vector<CsvCell> cells;
  int line = 0;  ///< where it begins, from 1
};

/// Reads comma-separated values as RFC 4180 has them: a field in double quotes may hold commas,
/// line breaks and doubled quotes. Lines may end with LF or CRLF. Blank lines are skipped.
///
/// name    of the text, in errors
/// throws  InputError "<name>:<line>: <problem>" for a quote that is not closed, and for text
/// beside
///         a quoted field
std::vector<CsvRow> read_csv(std::string_view text, const std::string& name);

/// A field as it stands in a file: in quotes when it needs them.
std::string csv_cell(std::string_view text);

}  // namespace chitu::tools
