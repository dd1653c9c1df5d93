#include "chitu_core/config/binder.h"

#include <algorithm>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/evaluate.h"
#include "chitu_core/config/text.h"
#include "chitu_core/config/yaml_writer.h"

namespace chitu::config {
namespace {

std::string with_article(std::string_view type) {
  if (type.starts_with("a ") || type.starts_with("an ")) return std::string(type);
  if (type == "integer") return "an integer";
  if (type == "size") return "a size such as 8GiB or 512MiB";
  return "a " + std::string(type);
}

std::string wanted(const Rule& rule, std::string_view type) {
  const std::string expected = rule.expected();
  return expected.empty() ? with_article(type) : expected;
}

// What OmegaConf's BooleanNode takes for text.
std::optional<bool> bool_of(const std::string& text) {
  const std::string small = lower(text);
  for (const char* yes : {"on", "yes", "y", "true", "1"})
    if (small == yes) return true;
  for (const char* no : {"off", "no", "n", "false", "0"})
    if (small == no) return false;
  return std::nullopt;
}

}  // namespace

namespace binder_detail {

std::string yaml_default(const Node& node) { return to_inline_yaml(node); }

}  // namespace binder_detail

Binder::Binder(View view) : view_(std::move(view)) {}
Binder::Binder() = default;

void Binder::ignore(std::string_view name) { known_.emplace_back(name); }

void Binder::add_error(const View& view, std::string_view problem) {
  errors_.emplace_back(ConfigError(view.written().origin(), view.key(), problem).what());
}

void Binder::error(std::string_view name, std::string_view problem) {
  if (!view_) return;
  const auto found = view_->find(name);
  if (found)
    add_error(*found, problem);
  else
    errors_.emplace_back(
        ConfigError(view_->written().origin(), join_path(view_->key(), name), problem).what());
}

void Binder::take_errors(Binder& nested) {
  for (std::string& error : nested.finish()) errors_.push_back(std::move(error));
}

std::optional<View> Binder::find(std::string_view name, const Rule& rule, bool required) {
  auto found = view_->find(name);
  if (!found && required)
    errors_.emplace_back(ConfigError(view_->written().origin(), join_path(view_->key(), name),
                                     "required, give it a value" +
                                         (rule.empty() ? "" : " (" + rule.expected() + ")"))
                             .what());
  return found;
}

const Node* Binder::value_of(const View& view, const Rule& rule, std::string_view type) {
  const auto missing = [&] {
    add_error(view, "is ??? (no value yet), expected " + wanted(rule, type) + "; set it with " +
                        view.key() + "=...");
  };
  if (view.written().is_missing()) {
    missing();
    return nullptr;
  }
  try {
    return &view.node();
  } catch (const ConfigError& error) {
    errors_.emplace_back(error.what());
    return nullptr;
  }
}

void Binder::refuse(const View& view, const Node& got, const Rule& rule, std::string_view type) {
  std::string expected = wanted(rule, type);
  // "expected 0 to 3, got 2.5" would leave the reader guessing.
  const bool other_kind =
      got.kind() == Kind::boolean || (got.kind() == Kind::real && type == "integer");
  if (!rule.empty() && other_kind) expected = with_article(type) + ", " + expected;
  std::string problem = "expected " + expected + ", got " + show(got);
  if (view.written().is_interpolation()) problem += " from " + view.written().text();
  if (got.is_string() && !rule.choices.empty()) problem += did_you_mean(got.text(), rule.choices);
  add_error(view, problem);
}

void Binder::read_scalar(const View& view, bool& value, const Rule& rule) {
  const Node* node = value_of(view, rule, "boolean");
  if (!node) return;
  if (node->kind() == Kind::boolean) {
    value = node->as_bool();
  } else if (node->kind() == Kind::integer) {
    value = node->as_integer() != 0;
  } else if (node->is_string() && bool_of(node->text())) {
    value = *bool_of(node->text());
  } else {
    refuse(view, *node, rule, "boolean");
  }
}

void Binder::read_scalar(const View& view, std::int64_t& value, const Rule& rule) {
  const Node* node = value_of(view, rule, "integer");
  if (!node) return;
  std::optional<std::int64_t> number;
  if (node->kind() == Kind::integer) number = node->as_integer();
  if (node->is_string()) number = read_integer(node->text());
  if (!number || !rule.holds(*number)) {
    refuse(view, *node, rule, "integer");
    return;
  }
  value = *number;
}

void Binder::read_scalar(const View& view, double& value, const Rule& rule) {
  const Node* node = value_of(view, rule, "number");
  if (!node) return;
  std::optional<double> number;
  if (node->kind() == Kind::integer || node->kind() == Kind::real) number = node->as_real();
  if (node->is_string()) number = read_real(node->text());
  if (!number || !rule.holds(*number)) {
    refuse(view, *node, rule, "number");
    return;
  }
  value = *number;
}

void Binder::read_scalar(const View& view, std::string& value, const Rule& rule) {
  const Node* node = value_of(view, rule, "string");
  if (!node) return;
  if (node->is_null() || node->is_container()) {
    refuse(view, *node, rule, "string");
    return;
  }
  const std::string text = python_text(*node);
  if (!rule.holds(std::string_view(text))) {
    refuse(view, *node, rule, "string");
    return;
  }
  value = text;
}

bool Binder::read_switch(const View& view, const Rule& choices, std::string& text) {
  const Node* node = value_of(view, choices, "string");
  if (!node) return true;  // the mistake is noted
  if (node->kind() != Kind::boolean) return false;
  const std::string_view word = node->as_bool() ? "on" : "off";
  if (!choices.holds(word)) return false;
  text = word;
  return true;
}

void Binder::read_scalar(const View& view, Bytes& value, const Rule& rule) {
  const Node* node = value_of(view, rule, "size");
  if (!node) return;
  const bool scalar =
      node->is_string() || node->kind() == Kind::integer || node->kind() == Kind::real;
  const auto bytes = scalar ? parse_bytes(python_text(*node)) : std::nullopt;
  if (bytes)
    value.count = *bytes;
  else
    refuse(view, *node, rule, "size");
}

void Binder::add_field(FieldInfo info, std::string_view name, std::string_view help,
                       bool required) {
  info.name = name;
  info.help = help;
  info.required = required;
  if (required) info.default_value.clear();
  fields_.push_back(std::move(info));
}

void Binder::check_unknown_keys() {
  if (!view_ || allow_unknown_) return;
  const Node& node = view_->node();
  if (!node.is_map()) return;
  for (const Entry& entry : node.map()) {
    if (std::find(known_.begin(), known_.end(), entry.key.text) != known_.end()) continue;
    std::string hint = did_you_mean(entry.key.text, known_);
    if (hint.empty() && !known_.empty()) hint = ", expected one of " + join(known_);
    errors_.emplace_back(ConfigError(entry.origin.text ? entry.origin : entry.value.origin(),
                                     join_path(view_->key(), entry.key.text), "unknown key" + hint)
                             .what());
  }
}

std::vector<std::string> Binder::finish() {
  check_unknown_keys();
  return std::move(errors_);
}

void throw_errors(const std::vector<std::string>& errors) {
  if (!errors.empty()) throw ConfigError(join(errors, "\n"));
}

}  // namespace chitu::config
