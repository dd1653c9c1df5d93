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
  none,           ///< `~k` alone
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
  std::vector<std::string> tags;  ///< sorted, each once
  bool shuffle = false;
  List choices;
  Node start, stop, step;  ///< of a range; start and stop (its end) of an interval
  std::vector<std::string> include, exclude;  ///< of a glob
};

/// One override of the command line, parsed.
struct Override {
  OverrideType type = OverrideType::change;
  std::string key;                     ///< group or dotted key as written
  std::optional<std::string> package;  ///< after @; "" for a bare @
  ValueType value_type = ValueType::none;
  Node value;        ///< of an element; strings are literal and know their quotes
  Sweep sweep;       ///< of the others
  std::string text;  ///< as typed
  Origin origin;

  bool is_sweep() const {
    return value_type != ValueType::none && value_type != ValueType::element;
  }
  /// Whether it is about Hydra's own node: `hydra.x` or `hydra/x`.
  bool is_hydra() const;
  /// `+key@package`, without the value.
  std::string key_element() const;
  /// `key@package`.
  std::string key_with_package() const;
  /// The value as the configuration takes it: `???` and interpolations recognised.
  Node config_value() const;
};

/// Parses one override. Takes time linear in its length. Throws ConfigError with the override, a
/// caret under the character at fault, and what to type instead.
Override parse_override(std::string_view text);

/// The text between quotes, as the grammar reads it back: \ before a quote, and doubled there.
std::string quoted_text(std::string_view text, char quote);

/// An override that sets `key` to a text as it is (`--set-str KEY TEXT`). Throws ConfigError when
/// the text is not UTF-8.
Override text_override(std::string_view key, std::string_view text);

/// A value as it is written in an override: quotes kept, other strings escaped, numbers and
/// booleans as Python prints them.
std::string override_text(const Node& value);

/// The values of a choice, range or glob sweep. `options` are those of the group a glob chooses
/// from. Throws ConfigError for an interval, and for more values than kMaxJobs.
List sweep_values(const Sweep& sweep, const std::vector<std::string>& options);

/// What `chitu config --parse-override` prints.
Node describe_override(const Override& parsed);

}  // namespace chitu::config
