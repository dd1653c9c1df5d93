#include "chitu_core/config/bind/binder.h"

#include <algorithm>
#include <cmath>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/utf8.h"
#include "chitu_core/config/interpolate/evaluate.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/config/yaml/yaml_writer.h"

namespace chitu::config {
namespace {

constexpr const char* kSize = "size";
constexpr const char* kRate = "bandwidth";
constexpr const char* kAmount = "size or share";

/// The text of a number or string; "" for other kinds, which no amount of memory can be.
std::string amount_text(const Node& node) {
  const bool scalar = node.is_string() || node.kind() == Kind::integer || node.kind() == Kind::real;
  return scalar ? python_text(node) : "";
}

/// "80%" as 0.8; empty unless it is above 0% and at most 100%.
std::optional<double> share_of(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  const auto percent = read_real(text.substr(0, text.size() - 1));
  return percent && *percent > 0 && *percent <= 100 ? std::optional(*percent / 100) : std::nullopt;
}

std::string with_article(std::string_view type) {
  if (type.starts_with("a ") || type.starts_with("an ")) return std::string(type);
  if (type == "integer") return "an integer";
  if (type == kSize) return "a size above 0, such as 8GiB or 512MiB";
  if (type == kRate) return "a bandwidth above 0, such as 12GiB/s or 500MB/s";
  if (type == kAmount)
    return "an amount of memory such as 6, 6GiB or 512MiB, or a share such as 80%";
  return "a " + std::string(type);
}

std::string wanted(const Rule& rule, std::string_view type) {
  const std::string expected = rule.expected();
  return expected.empty() ? with_article(type) : expected;
}

// The texts that OmegaConf's BooleanNode accepts.
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

void Binder::add_error(const View& view, std::string_view problem) {
  errors_.emplace_back(ConfigError(view.written().origin(), view.key(), problem).what());
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

namespace {

/// "loras[0].path" with what stands in for its value: "loras=[{path:...}]". An override sets an
/// item of a list with the whole list.
std::string override_of(std::string key) {
  std::string value = "...";
  for (std::size_t open = key.rfind('['); open != std::string::npos; open = key.rfind('[')) {
    const std::size_t name = key.find("].", open);
    if (name != std::string::npos) value = "{" + key.substr(name + 2) + ":" + value + "}";
    value = "[" + value + "]";
    key.resize(open);
  }
  return key + "=" + value;
}

}  // namespace

const Node* Binder::value_of(const View& view, const Rule& rule, std::string_view type) {
  const auto missing = [&] {
    add_error(view, "is ??? (no value yet), expected " + wanted(rule, type) + "; set it with " +
                        override_of(view.key()));
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
  // "expected 0 to 3, got 2.5" does not say that an integer is wanted.
  const bool other_kind =
      got.kind() == Kind::boolean || (got.kind() == Kind::real && type == "integer");
  if (!rule.empty() && other_kind) expected = with_article(type) + ", " + expected;
  if (got.kind() == Kind::real && !std::isfinite(got.as_real()))
    expected = "a finite number, " + expected;
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
    value = node->as_real() != 0;
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
  if (node->kind() == Kind::integer && node->is_signed()) number = node->as_integer();
  if (node->is_string()) number = read_integer(node->text());
  if (!number || !rule.holds(*number)) {
    refuse(view, *node, rule, "integer");
    return;
  }
  value = *number;
}

void Binder::read_scalar(const View& view, Seed& value, const Rule& rule) {
  const Node* node = value_of(view, rule, "integer");
  if (!node) return;
  const auto number = node->is_string() ? read_whole_number(node->text()) : std::optional(*node);
  if (number && number->kind() == Kind::integer)
    value.bits = number->as_bits();
  else
    refuse(view, *node, rule, "an integer from -2^63 to 2^64 - 1");
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
  if (const auto bad = first_bad_byte(text)) {
    add_error(view, "not valid UTF-8 at byte " + std::to_string(*bad + 1));
    return;
  }
  if (!rule.holds(std::string_view(text))) {
    refuse(view, *node, rule, "string");
    return;
  }
  value = text;
}

bool Binder::read_switch(const View& view, const Rule& choices, std::string& text) {
  const Node* node = value_of(view, choices, "string");
  if (!node) return true;  // the error is added
  if (node->kind() != Kind::boolean) return false;
  const std::string_view word = node->as_bool() ? "on" : "off";
  if (!choices.holds(word)) return false;
  text = word;
  return true;
}

void Binder::read_count(const View& view, std::int64_t& count, const Rule& rule, const char* type,
                        std::optional<std::int64_t> (*parse)(std::string_view)) {
  const Node* node = value_of(view, rule, type);
  if (!node) return;
  const std::string text = amount_text(*node);
  const auto read = parse(text);
  if (read && *read > 0)
    count = *read;
  else
    refuse(view, *node, rule, lacks_unit(text) ? kUnitAdvice : type);
}

void Binder::read_scalar(const View& view, Bytes& value, const Rule& rule) {
  read_count(view, value.count, rule, kSize, parse_bytes);
}

void Binder::read_scalar(const View& view, BytesPerSecond& value, const Rule& rule) {
  read_count(view, value.count, rule, kRate, parse_bytes_per_second);
}

void Binder::read_scalar(const View& view, Amount& value, const Rule& rule) {
  const Node* node = value_of(view, rule, kAmount);
  if (!node) return;
  const std::string text = amount_text(*node);
  const auto bytes = parse_bytes(text);
  const auto share = share_of(text);
  if (!share && bytes.value_or(0) == 0)
    return refuse(view, *node, rule, lacks_unit(text) ? kUnitAdvice : kAmount);
  value = {bytes.value_or(0), share.value_or(0)};
}

void Binder::add_field(FieldInfo info, std::string_view name, std::string_view help,
                       bool required) {
  info.name = name;
  info.help = help;
  info.required = required;
  if (required) info.default_value.clear();
  fields_.push_back(std::move(info));
}

/// ", did you mean ...?" with the nearest keys, else all keys. For a key that an override gives,
/// the full dotted keys, ready to type.
std::string Binder::hint_for(const Entry& entry) const {
  std::vector<std::string> keys = known_;
  std::string wrong = entry.key.text;
  if (entry.value.origin().kind == Origin::Kind::override_text) {
    wrong = join_path(view_->key(), wrong);
    for (std::string& key : keys) key = join_path(view_->key(), key);
  }
  return near_or_all(wrong, keys);
}

void Binder::check_unknown_keys() {
  if (!view_) return;
  const Node& node = view_->node();
  if (!node.is_map()) return;
  for (const Entry& entry : node.map()) {
    if (std::find(known_.begin(), known_.end(), entry.key.text) != known_.end()) continue;
    const std::string hint = hint_for(entry);
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
  if (errors.size() == 1) throw ConfigError(errors.front());
  if (!errors.empty()) throw ConfigErrors(errors);
}

}  // namespace chitu::config
