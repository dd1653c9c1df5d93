#include "tools/chitu/batch/job_rows.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string_view>

#include "chitu_core/common/nearest.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/config/yaml/loader.h"
#include "tools/chitu/batch/csv.h"
#include "tools/chitu/batch/job_fields.h"
#include "tools/chitu/batch/job_tree.h"
#include "tools/chitu/batch/json_tree.h"

namespace chitu::tools {
namespace {

using config::ConfigError;
using config::Node;
using config::Origin;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const auto start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

/// Calls back with each line that is not blank, without outer blanks, and its number.
void each_line(std::string_view text, const std::function<void(std::string_view, int)>& use) {
  int number = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    ++number;
    if (const auto inside = trimmed(line); !inside.empty()) use(inside, number);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
}

Origin at_line(const std::shared_ptr<const std::string>& file, int line) {
  return {file, line, 0, Origin::Kind::file};
}

struct Column {
  std::string name;  ///< as written
  std::string key;
  Origin origin;  ///< the header
};

void check_column(const std::string& name, const Origin& origin) {
  constexpr std::string_view kName = "abcdefghijklmnopqrstuvwxyz0123456789_.";
  if (name.empty() || config::lower(name).find_first_not_of(kName) != std::string::npos)
    throw ConfigError(origin, "\"" + name +
                                  "\" in the header is no name of a field, expected names "
                                  "with commas between them, such as prompt,seed");
}

std::vector<Column> columns_of(const CsvRow& header, const Origin& origin) {
  std::vector<Column> columns;
  for (const CsvCell& cell : header.cells) {
    const std::string name(trimmed(cell.text));
    check_column(name, origin);
    for (const Column& other : columns)
      if (other.key == job_key(name))
        throw ConfigError(origin, name, "stands twice in the header, expected one of the two");
    columns.push_back({name, job_key(name), origin});
  }
  return columns;
}

void check_width(const CsvRow& row, const std::vector<Column>& columns, const Origin& origin) {
  if (row.cells.size() == columns.size()) return;
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.name);
  throw ConfigError(origin, std::to_string(row.cells.size()) + " fields, expected " +
                                std::to_string(columns.size()) + " as in the header (" +
                                join(names) + "); a field with commas stands in quotes");
}

/// One override, or a list of them in brackets, as in YAML.
Node overrides_in(const std::string& text, const Origin& origin) {
  if (!text.starts_with('[')) return Node::literal(text).at_origin(origin);
  Node list;
  try {
    list = config::parse_yaml(text, std::string(kOverrides));
  } catch (const ConfigError& error) {
    throw ConfigError(origin, error.what());
  }
  if (list.is_list())
    for (Node& item : list.list()) item.at_origin(origin);
  return list;
}

JobEntry entry_of_row(const CsvRow& row, const std::vector<Column>& columns, const Origin& origin) {
  JobEntry entry;
  entry.origin = origin;
  std::string overrides;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& [name, key, header] = columns[i];
    const bool is_text = is_text_key(key);
    const std::string text(is_text ? row.cells[i].text : trimmed(row.cells[i].text));
    if (name == kOverrides)
      overrides = text;
    else if (!text.empty() || (is_text && row.cells[i].quoted))
      entry.fields.push_back({key, cell_value(key, text, origin), header, name});
  }
  if (!overrides.empty()) add_overrides(entry, overrides_in(overrides, origin));
  return entry;
}

}  // namespace

JobList jobs_of_json_lines(const JobSource& source) {
  JobList list;
  each_line(source.text, [&](std::string_view line, int number) {
    list.entries.push_back(entry_of_tree(parse_json_tree(line, source.name, number)));
  });
  return list;
}

JobList jobs_of_csv(const JobSource& source) {
  const auto file = std::make_shared<const std::string>(source.name);
  const std::vector<CsvRow> rows = read_csv(source.text, source.name);
  JobList list;
  if (rows.empty()) return list;
  const auto columns = columns_of(rows.front(), at_line(file, rows.front().line));
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const Origin origin = at_line(file, rows[i].line);
    check_width(rows[i], columns, origin);
    list.entries.push_back(entry_of_row(rows[i], columns, origin));
  }
  return list;
}

JobList jobs_of_text(const JobSource& source) {
  const auto file = std::make_shared<const std::string>(source.name);
  JobList list;
  each_line(source.text, [&](std::string_view line, int number) {
    list.entries.push_back(
        entry_of_tree(Node::literal(std::string(line)).at_origin(at_line(file, number))));
  });
  return list;
}

}  // namespace chitu::tools
