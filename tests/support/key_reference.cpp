#include "tests/support/key_reference.h"

#include <fmt/format.h>

#include <functional>

#include "chitu_core/config/value/text.h"
#include "chitu_core/config/yaml/loader.h"

namespace chitu::testing {
namespace {

using config::Entry;
using config::FieldInfo;
using config::List;
using config::Map;
using config::Node;
using config::Rule;

std::string kind_of(const FieldInfo& field) {
  std::string text = field.type + (field.optional ? " or null" : "");
  const std::string rule = field.rule.expected();
  return rule.empty() ? text : text + ", " + rule;
}

std::string cell(std::string text) {
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2))
    text.insert(at, 1, '\\');
  return text;
}

Node texts(const std::vector<std::string>& items) {
  List list;
  for (const std::string& item : items) list.push_back(Node::literal(item));
  return Node(std::move(list));
}

Node number(double value) {
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value ? Node(whole) : Node(value);
}

void add_rule(Map& schema, const Rule& rule) {
  if (rule.least)
    schema.set(rule.above_least ? "exclusiveMinimum" : "minimum", number(*rule.least));
  if (rule.most) schema.set("maximum", number(*rule.most));
  if (rule.multiple) schema.set("multipleOf", Node(*rule.multiple));
  if (!rule.choices.empty()) schema.set("enum", texts(rule.choices));
}

Map object_schema(const std::vector<FieldInfo>& fields);

/// A regular expression for a size, a bandwidth, or a size or share.
std::string size_pattern(const std::string& type) {
  const std::string unit = " *([KMGT]i?)?B";
  if (type == "bandwidth") return "^[0-9.]+(" + unit + "(/s)?)?$";
  return "^[0-9.]+(" + unit + (type == "size or share" ? "|%" : "") + ")?$";
}

/// The schema of a type as FieldInfo names it: "integer", "list of map", ...
Map type_schema(const std::string& type, const FieldInfo& field) {
  Map schema;
  if (const std::size_t either = type.find(" or list of "); either != std::string::npos) {
    List choices;
    choices.emplace_back(type_schema(type.substr(0, either), field));
    choices.emplace_back(type_schema(type.substr(either + 4), field));
    schema.set("anyOf", Node(std::move(choices)));
  } else if (type.starts_with("list of ")) {
    schema.set("type", Node("array"));
    schema.set("items", Node(type_schema(type.substr(8), field)));
  } else if (type.starts_with("map of ")) {
    schema.set("type", Node("object"));
    schema.set("additionalProperties", Node(type_schema(type.substr(7), field)));
  } else if (type == "map" && !field.children.empty()) {
    return object_schema(field.children);
  } else if (type.starts_with("size") || type == "bandwidth") {
    schema.set("type", texts({"string", "number"}));
    schema.set("minimum", Node(0));
    schema.set("maximum", Node(1024));  // of a number; above it a text with a unit
    schema.set("pattern", Node::literal(size_pattern(type)));
  } else if (type != "any") {
    schema.set("type", Node::literal(type == "path" ? "string" : type == "map" ? "object" : type));
    add_rule(schema, field.rule);
  }
  return schema;
}

Node reference_schema() {
  Map schema;
  schema.set("type", Node("string"));
  schema.set("pattern", Node::literal("\\$\\{|^\\?\\?\\?$"));
  return Node(std::move(schema));
}

Node field_schema(const FieldInfo& field) {
  List choices;
  choices.emplace_back(type_schema(field.type, field));
  choices.push_back(reference_schema());
  if (field.optional) {
    Map null;
    null.set("type", Node("null"));
    choices.emplace_back(std::move(null));
  }
  Map schema;
  schema.set("anyOf", Node(std::move(choices)));
  if (!field.help.empty()) schema.set("description", Node::literal(field.help));
  if (!field.default_value.empty()) {
    const Node document = config::parse_yaml("default: " + field.default_value, field.name);
    schema.set("default", document.at("default"));
  }
  return Node(std::move(schema));
}

Map object_schema(const std::vector<FieldInfo>& fields) {
  Map properties;
  std::vector<std::string> required;
  for (const FieldInfo& field : fields) {
    properties.set(field.name, field_schema(field));
    if (field.required) required.push_back(field.name);
  }
  Map schema;
  schema.set("type", Node("object"));
  schema.set("properties", Node(std::move(properties)));
  schema.set("additionalProperties", Node(false));
  if (!required.empty()) schema.set("required", texts(required));
  return schema;
}

}  // namespace

void each_leaf(const std::vector<FieldInfo>& fields, const std::string& at, const Visit& visit) {
  for (const FieldInfo& field : fields) {
    const std::string key = config::join_path(at, field.name);
    if (field.type == "map" && !field.children.empty())
      each_leaf(field.children, key, visit);
    else
      visit(key, field);
  }
}

std::string fields_markdown(const std::vector<FieldInfo>& fields) {
  std::string text = "| key | type | default | |\n| --- | --- | --- | --- |\n";
  each_leaf(fields, "", [&](const std::string& key, const FieldInfo& field) {
    const std::string value =
        field.required ? "required" : fmt::format("`{}`", cell(field.default_value));
    text += fmt::format("| `{}` | {} | {} | {} |\n", key, cell(kind_of(field)), value,
                        cell(field.help));
  });
  return text;
}

Node fields_schema(const std::vector<FieldInfo>& fields, const std::string& title) {
  Map schema;
  schema.set("$schema", Node("https://json-schema.org/draft/2020-12/schema"));
  schema.set("title", Node::literal(title));
  Map object = object_schema(fields);
  for (Entry& entry : object) schema.set(entry.key, std::move(entry.value));
  return Node(std::move(schema));
}

}  // namespace chitu::testing
