#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "chitu_core/config/value/origin.h"

namespace chitu::config {

enum class Kind : std::uint8_t {
  null,
  boolean,
  integer,
  real,
  string,
  missing,        ///< `???`: a value is required
  interpolation,  ///< a string with `${`; text() is the text as written
  list,
  map
};

/// "null", "a boolean", "an integer", "a number", "a string", "???", "an interpolation", "a list",
/// "a map".
std::string_view describe(Kind kind);

/// A key of a map. YAML also allows booleans and numbers as keys (`on: x`, `1: x`); those keep
/// their kind, print as text, and are not found by a dotted path.
struct Key {
  std::string text;
  Kind kind = Kind::string;

  bool operator==(const Key&) const = default;
};

class Node;
struct Entry;

/// Keys and values, in insertion order.
class Map {
 public:
  Map();
  Map(const Map& other);
  Map(Map&& other) noexcept;
  Map& operator=(Map other) noexcept;
  ~Map();

  std::size_t size() const;
  bool empty() const { return size() == 0; }
  const Entry* begin() const;
  const Entry* end() const;
  Entry* begin();
  Entry* end();

  /// The value of a string key, or null.
  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
  const Node* find(const Key& key) const;
  Node* find(const Key& key);

  /// The entry of a string key, or null.
  const Entry* find_entry(std::string_view key) const;

  /// Sets the value of a key. A new key goes to the end.
  Node& set(const Key& key, Node value);
  Node& set(std::string_view key, Node value);

  bool erase(std::string_view key);

 private:
  struct Data;
  std::size_t index_of(const Key& key) const;
  Data& data();

  std::unique_ptr<Data> data_;  ///< null while empty, which keeps nodes small
};

using List = std::vector<Node>;

/// A value of a configuration with its origin. A value type: copying copies the whole tree. An
/// interpolation is text here; View and Evaluator resolve it.
class Node {
 public:
  Node() = default;  ///< null
  explicit Node(bool value) : value_(value), kind_(Kind::boolean) {}
  explicit Node(std::int64_t value) : value_(value), kind_(Kind::integer) {}
  /// An integer up to 2^64 - 1, for seeds.
  explicit Node(std::uint64_t value);
  explicit Node(int value) : Node(std::int64_t{value}) {}
  explicit Node(double value) : value_(value), kind_(Kind::real) {}
  explicit Node(List items);
  explicit Node(Map entries);
  explicit Node(const char* text) : Node(std::string_view(text)) {}
  /// A string of a configuration: `???` is missing, one with `${` is an interpolation.
  explicit Node(std::string_view text);
  explicit Node(const std::string& text) : Node(std::string_view(text)) {}
  /// A string in any case.
  static Node literal(std::string text);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::null; }
  bool is_string() const { return kind_ == Kind::string; }
  bool is_missing() const { return kind_ == Kind::missing; }
  bool is_interpolation() const { return kind_ == Kind::interpolation; }
  bool is_list() const { return kind_ == Kind::list; }
  bool is_map() const { return kind_ == Kind::map; }
  bool is_container() const { return is_list() || is_map(); }

  /// Whether an integer fits std::int64_t; those from 2^63 to 2^64 - 1 do not.
  bool is_signed() const { return std::holds_alternative<std::int64_t>(value_); }

  /// These throw ConfigError when the node is of another kind. as_real also takes integers;
  /// as_integer only those that fit.
  bool as_bool() const;
  std::int64_t as_integer() const;
  /// The 64 bits of an integer, in two's complement.
  std::uint64_t as_bits() const;
  std::string integer_text() const;
  double as_real() const;
  const std::string& as_string() const;
  const List& list() const;
  List& list();
  const Map& map() const;
  Map& map();

  /// The text of a string, interpolation or `???`.
  const std::string& text() const;

  /// The node at a dotted path (`a.b`, `a[0].b`, `a.0`), or null. Follows no interpolation.
  const Node* find(std::string_view path) const;
  Node* find(std::string_view path);

  /// As find, but throws ConfigError, with the nearest key, when there is none.
  const Node& at(std::string_view path) const;

  const Origin& origin() const { return origin_; }
  Node& at_origin(Origin origin);

  /// The quote of a string in an override; 0 without.
  char quote() const { return quote_; }
  void set_quote(char quote) { quote_ = quote; }

  /// The identity of a map or list (sharing.h); 0 for none.
  std::uint32_t identity() const { return identity_; }
  void set_identity(std::uint32_t identity) { identity_ = identity; }

  /// Equal kinds and values, at every depth; ignores origins and quotes. 1, 1.0 and true differ.
  bool operator==(const Node& other) const;

 private:
  [[noreturn]] void wrong_kind(std::string_view wanted) const;

  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, List, Map>
      value_;
  Origin origin_;
  Kind kind_ = Kind::null;
  char quote_ = 0;
  std::uint32_t identity_ = 0;
};

struct Entry {
  Key key;
  Node value;
  Origin origin;  ///< where the key was written
};

/// Compares two integers.
bool integer_less(const Node& a, const Node& b);

/// A scalar as a key of a map, with the text of scalar_text().
Key key_of(const Node& scalar);

/// The value of a key: the string, number or boolean.
Node key_value(const Key& key);

/// A copy in which `???` and strings with `${` are missing values and interpolations again.
Node reread(const Node& node);

/// Splits `a.b[c].0` into its keys. `[a].b` and `a[b]` are `a.b`.
std::vector<std::string> split_path(std::string_view path);

/// The keys of a map, each as join_path(parent, key); empty for other values.
std::vector<std::string> keys_of(const Node& node, std::string_view parent = {});

/// `parent.key`; `key` when the parent is "".
std::string join_path(std::string_view parent, std::string_view key);

/// The key as an index into a list of `size` items; `size` when it is none.
std::size_t list_index(std::string_view key, std::size_t size);

/// The value on one line, for messages: strings in quotes; a list or map as its size.
std::string show(const Node& node);

}  // namespace chitu::config
