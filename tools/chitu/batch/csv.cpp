#include "tools/chitu/batch/csv.h"

#include <utility>

#include "chitu_core/common/error.h"

namespace chitu::tools {
namespace {

/// Reads a text cell by cell.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  bool at_end() const { return at_ >= text_.size(); }

  CsvRow row() {
    CsvRow row;
    row.line = line_;
    do row.cells.push_back(cell());
    while (skip(','));
    end_line();
    return row;
  }

 private:
  char peek() const { return at_end() ? '\0' : text_[at_]; }

  bool skip(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool at_line_end() const { return text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n"; }

  CsvCell cell() { return peek() == '"' ? quoted_cell() : plain_cell(); }

  CsvCell plain_cell() {
    const std::size_t start = at_;
    while (!at_end() && peek() != ',' && !at_line_end()) {
      if (peek() == '"')
        fail(line_,
             "a quote inside a field that is not in quotes; expected the "
             "field in quotes, and quotes in it doubled");
      ++at_;
    }
    return {std::string(text_.substr(start, at_ - start)), false};
  }

  CsvCell quoted_cell() {
    const int first_line = line_;
    CsvCell cell{"", true};
    ++at_;
    while (true) {
      if (at_end()) fail(first_line, "a quoted field is not closed");
      const char c = text_[at_++];
      if (c == '\n') ++line_;
      if (c != '"')
        cell.text += c;
      else if (skip('"'))
        cell.text += '"';
      else
        break;
    }
    if (!at_end() && peek() != ',' && !at_line_end())
      fail(line_,
           "text behind a quoted field; expected a comma or the end of the line, and quotes "
           "in a field doubled");
    return cell;
  }

  void end_line() {
    skip('\r');
    if (skip('\n')) ++line_;
  }

  [[noreturn]] void fail(int line, const std::string& problem) const {
    throw InputError(name_ + ":" + std::to_string(line) + ": " + problem);
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  int line_ = 1;
};

bool is_blank(const CsvRow& row) {
  return row.cells.size() == 1 && !row.cells[0].quoted &&
         row.cells[0].text.find_first_not_of(" \t") == std::string::npos;
}

}  // namespace

std::vector<CsvRow> read_csv(std::string_view text, const std::string& name) {
  std::vector<CsvRow> rows;
  CsvReader reader(text, name);
  while (!reader.at_end()) {
    CsvRow row = reader.row();
    if (!is_blank(row)) rows.push_back(std::move(row));
  }
  return rows;
}

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

}  // namespace chitu::tools
