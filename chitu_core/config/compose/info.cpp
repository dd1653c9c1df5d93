#include "chitu_core/config/compose/info.h"

#include <algorithm>
#include <functional>
#include <range/v3/view/zip.hpp>

#include "chitu_core/common/expected.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/compose/repository.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/yaml/yaml_writer.h"

namespace chitu::config {
namespace {

namespace rv = ranges::views;

using Rows = std::vector<std::vector<std::string>>;

std::string table(const Rows& rows) {
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (auto&& [cell, width] : rv::zip(row, widths)) width = std::max(width, cell.size());
  std::string text;
  std::size_t whole = 1;
  for (const std::size_t width : widths) whole += width + 3;
  const std::string rule = std::string(whole, '-') + "\n";
  for (const auto& row : rows) {
    text += "|";
    for (const auto& [cell, width] : rv::zip(row, widths))
      text += " " + cell + std::string(width - cell.size(), ' ') + " |";
    text += "\n";
    if (&row == &rows[0]) text += rule;
  }
  return text + rule;
}

std::string titled(const std::string& title, const std::string& body) {
  return "\n" + title + "\n" + std::string(title.size(), '*') + "\n" + body;
}

void write_tree(const DefaultsNode& node, std::size_t indent, std::string& text) {
  text += std::string(indent, ' ') + node.label + (node.children.empty() ? "" : ":") + "\n";
  for (const DefaultsNode& child : node.children) write_tree(child, indent + 2, text);
}

Node tree_data(const DefaultsNode& node) {
  Map map;
  map.set("entry", Node::literal(node.label));
  List children;
  for (const DefaultsNode& child : node.children) children.push_back(tree_data(child));
  if (!children.empty()) map.set("children", Node(std::move(children)));
  return Node(std::move(map));
}

Node defaults_data(const Composition& composition) {
  List rows;
  for (const ConfigStep& step : composition.steps) {
    Map row;
    row.set("config_path", Node::literal(step.config_path));
    row.set("package", Node::literal(step.package));
    row.set("_self_", Node(step.is_self));
    row.set("parent", Node::literal(step.parent));
    row.set("file", Node::literal(step.file));
    rows.emplace_back(std::move(row));
  }
  return Node(std::move(rows));
}

Node search_path_data(const Composition& composition) {
  List rows;
  for (const SearchPathEntry& entry : composition.search_path) {
    Map row;
    row.set("provider", Node::literal(entry.provider));
    row.set("path", Node::literal(entry.path.string()));
    rows.emplace_back(std::move(row));
  }
  return Node(std::move(rows));
}

[[noreturn]] void unknown_kind(const std::string& kind) {
  const std::vector<std::string> kinds = {"all", "config", "defaults", "defaults-tree",
                                          "searchpath"};
  throw ConfigError("--info " + kind + ": " + expected_one_of(kind, kinds));
}

std::string defaults_table(const Composition& composition) {
  Rows rows = {{"Config path", "Package", "_self_", "Parent", "File"}};
  for (const ConfigStep& step : composition.steps)
    rows.push_back(
        {step.config_path, step.package, step.is_self ? "True" : "False", step.parent, step.file});
  return titled("Defaults List", table(rows));
}

std::string defaults_tree_text(const Composition& composition) {
  std::string text;
  write_tree(composition.defaults_tree, 0, text);
  return titled("Defaults Tree", text);
}

std::string search_path_table(const Composition& composition) {
  Rows rows = {{"Provider", "Search path"}, {"hydra", "built-in"}};
  for (const SearchPathEntry& entry : composition.search_path)
    rows.push_back({entry.provider, entry.path.string()});
  return titled("Config search path", table(rows));
}

}  // namespace

std::string info_text(const Composition& composition, const std::string& kind) {
  const auto config = [&] { return titled("Config", to_yaml(composition.config)); };
  if (kind == "defaults") return defaults_table(composition);
  if (kind == "defaults-tree") return defaults_tree_text(composition);
  if (kind == "searchpath") return search_path_table(composition);
  if (kind == "config")
    return search_path_table(composition) + defaults_table(composition) + config();
  if (kind == "all")
    return search_path_table(composition) + defaults_tree_text(composition) +
           defaults_table(composition) + config();
  unknown_kind(kind);
}

Node info_data(const Composition& composition, const std::string& kind) {
  if (kind == "defaults") return defaults_data(composition);
  if (kind == "defaults-tree") return tree_data(composition.defaults_tree);
  if (kind == "searchpath") return search_path_data(composition);
  if (kind != "config" && kind != "all") unknown_kind(kind);
  Map map;
  map.set("searchpath", search_path_data(composition));
  map.set("defaults_tree", tree_data(composition.defaults_tree));
  map.set("defaults", defaults_data(composition));
  map.set("config", composition.config);
  return Node(std::move(map));
}

std::string group_list(const Composition& composition, bool of_hydra) {
  const Repository repository(composition.search_path);
  std::string text;
  const std::function<void(const std::string&)> visit = [&](const std::string& group) {
    const std::vector<std::string> options = repository.options(group);
    if (!group.empty() && !options.empty()) text += group + ": " + join(options) + "\n";
    for (const std::string& inner : repository.groups(group)) {
      const std::string path = group.empty() ? inner : group + "/" + inner;
      const bool hydra = path == "hydra" || path.starts_with("hydra/");
      if (hydra == of_hydra || (of_hydra && group.empty() && hydra)) visit(path);
    }
  };
  visit(of_hydra ? "hydra" : "");
  return text;
}

}  // namespace chitu::config
