#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// `k=v`, `+k=v`, `++k=v`, `~k`.
enum class OverrideType : std::uint8_t { change, add, force_add, remove };

enum class ValueType : std::uint8_t {
  none,           ///< `~k` without a value
  element,        ///< one value
  simple_choice,  ///< `a,b`
  choice,         ///< `choice(a,b)`
  range,
  interval,
  glob
};

/// Several values for one key.
struct Sweep {
  ValueType type = ValueType::choice;
  std::vector<std::string> tags;  ///< sorted, without duplicates
  bool shuffle = false;
  List choices;
  Node start, stop, step;                     ///< of a range; start and end of an interval
  std::vector<std::string> include, exclude;  ///< of a glob
};

/// A parsed override of the command line.
struct Override {
  OverrideType type = OverrideType::change;
  std::string key;                     ///< group or dotted key as written
  std::optional<std::string> package;  ///< after @; "" for a bare @
  ValueType value_type = ValueType::none;
  Node value;        ///< of an element; strings are literal and keep their quotes
  Sweep sweep;       ///< of every other value type
  std::string text;  ///< as typed
  Origin origin;

  bool is_sweep() const {
    return value_type != ValueType::none && value_type != ValueType::element;
  }
  /// Whether it is for the `hydra` node: `hydra.x` or `hydra/x`.
  bool is_hydra() const;
  /// `+key@package`, without the value.
  std::string key_element() const;
  /// `key@package`.
  std::string key_with_package() const;
  /// The value for the configuration, where `???` and interpolations have a meaning.
  Node config_value() const;
};

/// Parses one override, in time linear in its length. Throws ConfigError with the override, the
/// column of the mistake, and what to type instead.
Override parse_override(std::string_view text);

/// The text in quotes: a quote inside gets a backslash, and backslashes before a quote are doubled.
std::string quoted_text(std::string_view text, char quote);

/// An override that sets `key` to this string, unparsed (`--set-str KEY TEXT`). Throws ConfigError
/// when the text is not UTF-8.
Override text_override(std::string_view key, std::string_view text);

/// A value as the text of an override: quoted strings keep their quotes, other strings are escaped,
/// numbers and booleans are printed as in Python.
std::string override_text(const Node& value);

/// The values of a choice, range or glob sweep; a glob chooses among `options`. Throws ConfigError
/// for an interval, and above kMaxJobs values.
List sweep_values(const Sweep& sweep, const std::vector<std::string>& options);

/// The output of `chitu config --parse-override`.
Node describe_override(const Override& parsed);

}  // namespace chitu::config
