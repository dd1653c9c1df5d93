#include "chitu_core/config/value/node.h"

#include <algorithm>
#include <limits>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/transform.hpp>
#include <unordered_map>

#include "chitu_core/common/nearest.h"
#include "chitu_core/common/utf8.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/text.h"

namespace chitu::config {
namespace {

namespace rv = ranges::views;

constexpr std::size_t kIndexFrom = 48;  // below this a linear search is faster

}  // namespace

std::string_view describe(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "a boolean";
    case Kind::integer:
      return "an integer";
    case Kind::real:
      return "a number";
    case Kind::string:
      return "a string";
    case Kind::missing:
      return "???";
    case Kind::interpolation:
      return "an interpolation";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
  }
  return "";
}

struct Map::Data {
  std::vector<Entry> entries;
  // Only for large maps.
  std::unordered_map<std::string, std::size_t> index;

  void reindex() {
    index.clear();
    if (entries.size() < kIndexFrom) return;
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (entries[i].key.kind == Kind::string) index.emplace(entries[i].key.text, i);
  }
};

Map::Map() = default;
Map::Map(const Map& other) : data_(other.data_ ? std::make_unique<Data>(*other.data_) : nullptr) {}
Map::Map(Map&& other) noexcept = default;
Map& Map::operator=(Map other) noexcept {
  data_ = std::move(other.data_);
  return *this;
}
Map::~Map() = default;

Map::Data& Map::data() {
  if (!data_) data_ = std::make_unique<Data>();
  return *data_;
}

std::size_t Map::size() const { return data_ ? data_->entries.size() : 0; }
const Entry* Map::begin() const { return data_ ? data_->entries.data() : nullptr; }
const Entry* Map::end() const { return begin() + size(); }
Entry* Map::begin() { return data_ ? data_->entries.data() : nullptr; }
Entry* Map::end() { return begin() + size(); }

std::size_t Map::index_of(const Key& key) const {
  if (data_ && !data_->index.empty() && key.kind == Kind::string) {
    const auto found = data_->index.find(key.text);
    return found == data_->index.end() ? size() : found->second;
  }
  const auto found =
      std::find_if(begin(), end(), [&](const Entry& entry) { return entry.key == key; });
  return static_cast<std::size_t>(found - begin());
}

const Node* Map::find(const Key& key) const {
  const std::size_t at = index_of(key);
  return at == size() ? nullptr : &begin()[at].value;
}
Node* Map::find(const Key& key) {
  return const_cast<Node*>(std::as_const(*this).find(key));  // the map itself is not const
}
const Entry* Map::find_entry(std::string_view key) const {
  if (!data_ || data_->index.empty()) {
    for (const Entry& entry : *this)
      if (entry.key.kind == Kind::string && entry.key.text == key) return &entry;
    return nullptr;
  }
  const std::size_t at = index_of(Key{std::string(key)});
  return at == size() ? nullptr : begin() + at;
}
const Node* Map::find(std::string_view key) const {
  const Entry* entry = find_entry(key);
  return entry ? &entry->value : nullptr;
}
Node* Map::find(std::string_view key) {
  return const_cast<Node*>(std::as_const(*this).find(key));  // the map itself is not const
}

Node& Map::set(const Key& key, Node value) {
  if (Node* old = find(key)) return *old = std::move(value);
  Data& own = data();
  Origin origin = value.origin();
  own.entries.push_back({key, std::move(value), std::move(origin)});
  if (own.index.empty() && own.entries.size() >= kIndexFrom)
    own.reindex();
  else if (!own.index.empty() && key.kind == Kind::string)
    own.index.emplace(key.text, own.entries.size() - 1);
  return own.entries.back().value;
}
Node& Map::set(std::string_view key, Node value) {
  return set(Key{std::string(key)}, std::move(value));
}

bool Map::erase(std::string_view key) {
  const std::size_t at = index_of(Key{std::string(key)});
  if (at == size()) return false;
  data_->entries.erase(data_->entries.begin() + static_cast<std::ptrdiff_t>(at));
  data_->reindex();
  return true;
}

Node::Node(List items) : value_(std::move(items)), kind_(Kind::list) {}
Node::Node(Map entries) : value_(std::move(entries)), kind_(Kind::map) {}
Node::Node(std::uint64_t value) : kind_(Kind::integer) {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    value_ = static_cast<std::int64_t>(value);
  else
    value_ = value;
}
Node::Node(std::string_view text) : value_(std::string(text)), kind_(Kind::string) {
  if (text == "???")
    kind_ = Kind::missing;
  else if (text.find("${") != std::string_view::npos)
    kind_ = Kind::interpolation;
}

Node Node::literal(std::string text) {
  Node node;
  node.value_ = std::move(text);
  node.kind_ = Kind::string;
  return node;
}

Node& Node::at_origin(Origin origin) {
  origin_ = std::move(origin);
  return *this;
}

void Node::wrong_kind(std::string_view wanted) const {
  throw ConfigError(origin_, "expected " + std::string(wanted) + ", got " + show(*this));
}

bool Node::as_bool() const {
  if (kind_ != Kind::boolean) wrong_kind("a boolean");
  return std::get<bool>(value_);
}
std::int64_t Node::as_integer() const {
  if (kind_ != Kind::integer) wrong_kind("an integer");
  if (!is_signed()) wrong_kind("at most 9223372036854775807");
  return std::get<std::int64_t>(value_);
}
std::uint64_t Node::as_bits() const {
  if (kind_ != Kind::integer) wrong_kind("an integer");
  return is_signed() ? static_cast<std::uint64_t>(std::get<std::int64_t>(value_))
                     : std::get<std::uint64_t>(value_);
}
std::string Node::integer_text() const {
  return is_signed() ? std::to_string(as_integer()) : std::to_string(as_bits());
}
double Node::as_real() const {
  if (kind_ == Kind::integer)
    return is_signed() ? static_cast<double>(as_integer()) : static_cast<double>(as_bits());
  if (kind_ != Kind::real) wrong_kind("a number");
  return std::get<double>(value_);
}
const std::string& Node::as_string() const {
  if (kind_ != Kind::string) wrong_kind("a string");
  return std::get<std::string>(value_);
}
const List& Node::list() const {
  if (kind_ != Kind::list) wrong_kind("a list");
  return std::get<List>(value_);
}
List& Node::list() {
  if (kind_ != Kind::list) wrong_kind("a list");
  return std::get<List>(value_);
}
const Map& Node::map() const {
  if (kind_ != Kind::map) wrong_kind("a map");
  return std::get<Map>(value_);
}
Map& Node::map() {
  if (kind_ != Kind::map) wrong_kind("a map");
  return std::get<Map>(value_);
}
const std::string& Node::text() const {
  if (const auto* text = std::get_if<std::string>(&value_)) return *text;
  wrong_kind("a string");
}

const Node* Node::find(std::string_view path) const {
  const Node* node = this;
  if (path.empty()) return node;
  for (const std::string& part : split_path(path)) {
    if (node->is_map()) {
      node = node->map().find(part);
      if (!node) return nullptr;
    } else if (node->is_list()) {
      const std::size_t index = list_index(part, node->list().size());
      if (index == node->list().size()) return nullptr;
      node = &node->list()[index];
    } else {
      return nullptr;
    }
  }
  return node;
}
Node* Node::find(std::string_view path) {
  return const_cast<Node*>(std::as_const(*this).find(path));  // the node itself is not const
}

const Node& Node::at(std::string_view path) const {
  if (const Node* found = find(path)) return *found;
  const std::vector<std::string> parts = split_path(path);
  const Node* last = this;
  std::string known;
  for (const std::string& part : parts) {
    const Node* next = last->is_map() ? last->map().find(part) : nullptr;
    if (!next)
      throw ConfigError(last->origin(),
                        std::string(path) + ": no such key" +
                            did_you_mean(join_path(known, part), keys_of(*last, known)));
    known = join_path(known, part);
    last = next;
  }
  throw ConfigError(last->origin(), std::string(path) + ": no such key");
}

bool Node::operator==(const Node& other) const {
  if (kind_ != other.kind_) return false;
  if (is_list()) return list() == other.list();
  if (is_map()) {
    if (map().size() != other.map().size()) return false;
    return std::all_of(map().begin(), map().end(), [&](const Entry& entry) {
      const Node* match = other.map().find(entry.key);
      return match && entry.value == *match;
    });
  }
  switch (kind_) {
    case Kind::null:
      return true;
    case Kind::boolean:
      return as_bool() == other.as_bool();
    case Kind::integer:
      return is_signed() == other.is_signed() && as_bits() == other.as_bits();
    case Kind::real:
      return as_real() == other.as_real();
    default:
      return text() == other.text();
  }
}

bool integer_less(const Node& a, const Node& b) {
  if (a.is_signed() && b.is_signed()) return a.as_integer() < b.as_integer();
  return a.is_signed() != b.is_signed() ? a.is_signed() : a.as_bits() < b.as_bits();
}

Key key_of(const Node& scalar) {
  const bool is_text = scalar.is_missing() || scalar.is_interpolation();
  return {scalar_text(scalar), is_text ? Kind::string : scalar.kind()};
}

Node key_value(const Key& key) {
  switch (key.kind) {
    case Kind::boolean:
      return Node(key.text == "true");
    case Kind::integer:
      return read_whole_number(key.text).value_or(Node(0));
    case Kind::real:
      return Node(read_real(key.text).value_or(0));
    default:
      return Node::literal(key.text);
  }
}

Node reread(const Node& node) {
  if (node.is_string()) return Node(node.text()).at_origin(node.origin());
  if (!node.is_container()) return node;
  Node copy = node;
  if (copy.is_list()) {
    for (Node& item : copy.list()) item = reread(item);
  } else {
    for (Entry& entry : copy.map()) entry.value = reread(entry.value);
  }
  return copy;
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  if (!path.starts_with('[')) {
    at = std::min(path.find_first_of(".["), path.size());
    parts.emplace_back(path.substr(0, at));
  }
  while (at < path.size()) {
    if (path[at] == '.') {
      // `a.[b]` reads as `a[b]`.
      if (at + 1 < path.size() && path[at + 1] == '[') {
        ++at;
        continue;
      }
      const std::size_t end = std::min(path.find_first_of(".[", at + 1), path.size());
      parts.emplace_back(path.substr(at + 1, end - at - 1));
      at = end;
    } else {
      const std::size_t end = path.find(']', at);
      if (end == std::string_view::npos) {
        parts.emplace_back(path.substr(at));
        break;
      }
      parts.emplace_back(path.substr(at + 1, end - at - 1));
      at = end + 1;
      if (at < path.size() && path[at] != '.' && path[at] != '[') {
        const std::size_t stop = std::min(path.find_first_of(".[", at), path.size());
        at = stop;
      }
    }
  }
  return parts;
}

std::vector<std::string> keys_of(const Node& node, std::string_view parent) {
  if (!node.is_map()) return {};
  return node.map() |
         rv::transform([&](const Entry& entry) { return join_path(parent, entry.key.text); }) |
         ranges::to<std::vector>();
}

std::string join_path(std::string_view parent, std::string_view key) {
  std::string path(parent);
  if (!path.empty()) path += '.';
  return path.append(key);
}

std::size_t list_index(std::string_view key, std::size_t size) {
  const auto index = read_integer(key);
  if (!index || *index < 0 || static_cast<std::uint64_t>(*index) >= size) return size;
  return static_cast<std::size_t>(*index);
}

std::string show(const Node& node) {
  switch (node.kind()) {
    case Kind::list:
      return "a list of " + std::to_string(node.list().size());
    case Kind::map:
      return "a map of " + std::to_string(node.map().size());
    case Kind::string:
    case Kind::interpolation: {
      constexpr std::size_t kMost = 80;
      return "\"" + shortened(node.text(), kMost) + "\"";
    }
    default:
      return scalar_text(node);
  }
}

}  // namespace chitu::config
