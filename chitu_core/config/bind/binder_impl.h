#pragma once

#include <algorithm>
#include <limits>
#include <tuple>

#include "chitu_core/common/is_optional.h"
#include "chitu_core/config/bind/binder.h"

namespace chitu::config {
namespace binder_detail {

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_one_or_more = false;
template <class T>
inline constexpr bool is_one_or_more<OneOrMore<T>> = true;
template <class T>
inline constexpr bool is_array = false;
template <class T, std::size_t N>
inline constexpr bool is_array<std::array<T, N>> = true;
template <class T>
inline constexpr bool is_map = false;
template <class T>
inline constexpr bool is_map<std::map<std::string, T>> = true;
template <class T>
inline constexpr bool always_false = false;

/// A default value as YAML on one line.
std::string yaml_default(const Node& node);

template <NamedEnum T>
std::vector<std::string> enum_names() {
  std::vector<std::string> names;
  for (const auto& [name, value] : config_names(T())) names.emplace_back(name);
  return names;
}

/// The name of a type in the reference of keys, and a value as YAML.
template <class T>
std::pair<std::string, std::string> scalar_info(const T& value) {
  if constexpr (std::is_same_v<T, Node>)
    return {"any", yaml_default(value)};
  else if constexpr (std::is_same_v<T, bool>)
    return {"boolean", value ? "true" : "false"};
  else if constexpr (std::is_same_v<T, std::string>)
    return {"string", yaml_default(Node::literal(value))};
  else if constexpr (std::is_same_v<T, std::filesystem::path>)
    return {"path", yaml_default(Node::literal(value.string()))};
  else if constexpr (std::is_same_v<T, Bytes>)
    return {"size", std::to_string(value.count) + "B"};
  else if constexpr (std::is_same_v<T, BytesPerSecond>)
    return {"bandwidth", std::to_string(value.count) + "B"};
  else if constexpr (std::is_same_v<T, Amount>)
    return {"size or share", std::to_string(value.bytes) + "B"};
  else if constexpr (std::is_same_v<T, Seed>)
    return {"integer", yaml_default(Node(value.bits))};
  else if constexpr (std::is_floating_point_v<T>)
    return {"number", yaml_default(Node(static_cast<double>(value)))};
  else if constexpr (std::is_integral_v<T>)
    return {"integer", yaml_default(Node(static_cast<std::int64_t>(value)))};
  else
    static_assert(always_false<T>, "no configuration can hold this type");
}

}  // namespace binder_detail

template <class T>
void Binder::bind_field(std::string_view name, T& value, const Rule& rule, std::string_view help,
                        bool required) {
  known_.emplace_back(name);
  if (!view_) {
    add_field(info_of(value, rule), name, help, required);
    return;
  }
  if (const auto found = find(name, rule, required)) read_value(*found, value, rule);
}

template <class T>
void Binder::read_value(const View& view, T& value, const Rule& rule) {
  using namespace binder_detail;
  if constexpr (is_optional<T>) {
    read_optional(view, value, rule);
  } else if constexpr (Schema<T>) {
    read_struct(view, value, rule);
  } else if constexpr (is_vector<T>) {
    read_list(view, value, rule);
  } else if constexpr (is_one_or_more<T>) {
    read_one_or_more(view, value, rule);
  } else if constexpr (is_array<T>) {
    read_array(view, value, rule);
  } else if constexpr (is_map<T>) {
    read_map(view, value, rule);
  } else if constexpr (NamedEnum<T>) {
    read_enum(view, value);
  } else if constexpr (std::is_same_v<T, Node>) {
    if (value_of(view, rule, "a value")) value = view.resolved();
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    std::string text = value.string();
    read_scalar(view, text, rule);
    value = text;
  } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string> ||
                       std::is_same_v<T, double> || std::is_same_v<T, std::int64_t> ||
                       std::is_same_v<T, Bytes> || std::is_same_v<T, BytesPerSecond> ||
                       std::is_same_v<T, Amount> || std::is_same_v<T, Seed>) {
    read_scalar(view, value, rule);
  } else if constexpr (std::is_floating_point_v<T>) {
    double wide = value;
    read_scalar(view, wide, rule);
    value = static_cast<T>(wide);
  } else if constexpr (std::is_integral_v<T>) {
    read_narrow_integer(view, value, rule);
  } else {
    static_assert(always_false<T>, "no configuration can hold this type");
  }
}

template <class T>
void Binder::read_optional(const View& view, std::optional<T>& value, const Rule& rule) {
  const Node* node = value_of(view, rule, info_of(T(), rule).type);
  if (!node) return;
  if (node->is_null()) {
    value.reset();
    return;
  }
  T inner{};
  if (value) inner = *value;
  read_value(view, inner, rule);
  value = std::move(inner);
}

template <Schema T>
void Binder::read_struct(const View& view, T& value, const Rule& rule) {
  const Node* node = value_of(view, rule, "a map");
  if (!node) return;
  if (!node->is_map()) {
    refuse(view, *node, rule, "a map");
    return;
  }
  Binder nested(view);
  value.bind(nested);
  take_errors(nested);
}

template <class T, std::size_t N>
void Binder::read_array(const View& view, std::array<T, N>& value, const Rule& rule) {
  std::vector<T> items;
  const std::size_t before = errors_.size();
  read_list(view, items, rule);
  if (errors_.size() > before) return;
  if (items.size() == N)
    std::move(items.begin(), items.end(), value.begin());
  else
    add_error(view,
              "expected " + std::to_string(N) + " items, got " + std::to_string(items.size()));
}

template <class T>
void Binder::read_narrow_integer(const View& view, T& value, const Rule& rule) {
  std::int64_t wide = static_cast<std::int64_t>(value);
  const std::size_t before = errors_.size();
  read_scalar(view, wide, rule);
  if (errors_.size() > before) return;
  if (std::in_range<T>(wide))
    value = static_cast<T>(wide);
  else
    add_error(view, "expected " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                        std::to_string(std::numeric_limits<T>::max()) + ", got " +
                        std::to_string(wide));
}

template <class T>
void Binder::read_list(const View& view, std::vector<T>& value, const Rule& rule) {
  const Node* node = value_of(view, rule, "a list");
  if (!node) return;
  if (!node->is_list()) {
    refuse(view, *node, Rule(), "a list");
    return;
  }
  value.clear();
  for (const View& item : view.children()) {
    T read{};
    read_value(item, read, rule);
    value.push_back(std::move(read));
  }
}

template <class T>
void Binder::read_one_or_more(const View& view, OneOrMore<T>& value, const Rule& rule) {
  const Node* node = value_of(view, rule, info_of(value, rule).type);
  if (!node) return;
  const std::size_t before = errors_.size();
  std::vector<T> items;
  if (node->is_list())
    read_list(view, items, rule);
  else
    read_value(view, items.emplace_back(), rule);
  if (errors_.size() > before) return;
  for (auto item = items.begin(); item != items.end(); ++item)
    if (std::find(items.begin(), item, *item) != item)
      return add_error(view.children()[static_cast<std::size_t>(item - items.begin())],
                       "is in the list already, expected each value once");
  if (items.empty()) return add_error(view, "expected one value or more, got []");
  value.items = std::move(items);
}

template <class T>
void Binder::read_map(const View& view, std::map<std::string, T>& value, const Rule& rule) {
  const Node* node = value_of(view, rule, "a map");
  if (!node) return;
  if (!node->is_map()) {
    refuse(view, *node, Rule(), "a map");
    return;
  }
  value.clear();
  const std::vector<View> children = view.children();
  std::size_t i = 0;
  for (const Entry& entry : node->map()) {
    T read{};
    read_value(children[i++], read, rule);
    value.emplace(entry.key.text, std::move(read));
  }
}

template <NamedEnum T>
void Binder::read_enum(const View& view, T& value) {
  const Rule rule = one_of(binder_detail::enum_names<T>());
  std::string text;
  const std::size_t before = errors_.size();
  if (!read_switch(view, rule, text)) read_scalar(view, text, rule);
  if (errors_.size() > before) return;
  for (const auto& [name, enumerator] : config_names(T()))
    if (text == name) value = enumerator;
}

template <class T>
FieldInfo Binder::info_of(const T& value, const Rule& rule) {
  using namespace binder_detail;
  FieldInfo info;
  info.rule = rule;
  if constexpr (is_optional<T>) {
    info = info_of(value.value_or(typename T::value_type()), rule);
    info.optional = true;
    if (!value) info.default_value = "null";
  } else if constexpr (Schema<T>) {
    T copy = value;
    Binder nested;
    copy.bind(nested);
    info.type = "map";
    info.children = nested.take_fields();
  } else if constexpr (is_one_or_more<T>) {
    using Item = typename decltype(value.items)::value_type;
    info = info_of(value.items.empty() ? Item() : value.items.front(), rule);
    info.type += " or list of " + info.type;
    if (value.items.size() != 1) info.default_value = info_of(value.items, rule).default_value;
  } else if constexpr (is_vector<T> || is_array<T>) {
    const FieldInfo item = info_of(typename T::value_type(), rule);
    info.type = "list of " + item.type;
    info.children = item.children;
    std::string text;
    for (const auto& element : value)
      text += (text.empty() ? "" : ", ") + info_of(element, rule).default_value;
    info.default_value = "[" + text + "]";
  } else if constexpr (is_map<T>) {
    const FieldInfo item = info_of(typename T::mapped_type(), rule);
    info.type = "map of " + item.type;
    info.children = item.children;
    std::string text;
    for (const auto& [key, element] : value)
      text += (text.empty() ? "" : ", ") + key + ": " + info_of(element, rule).default_value;
    info.default_value = "{" + text + "}";
  } else if constexpr (NamedEnum<T>) {
    info.type = "string";
    info.rule = one_of(enum_names<T>());
    info.default_value = name_of(value);
  } else {
    std::tie(info.type, info.default_value) = scalar_info(value);
  }
  return info;
}

}  // namespace chitu::config
