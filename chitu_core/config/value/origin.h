#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace chitu::config {

/// Where a value was written: a place in a file, or an override on the command line.
struct Origin {
  /// What `text` is.
  enum class Kind : std::uint8_t { none, file, override_text, builtin };

  std::shared_ptr<const std::string> text;  ///< the path of the file, or the override as typed
  int line = 0;                             ///< from 1; 0 when unknown
  int column = 0;                           ///< from 1, in characters; 0 when unknown
  Kind kind = Kind::none;

  /// The file or the override; empty when a program made the value.
  const std::string& file() const;
};

/// "config/infer/low.yaml:7" for a file, the override itself for an override, else "".
std::string to_string(const Origin& origin);

/// As to_string, with the column: "config/infer/low.yaml:7:3".
std::string to_string_with_column(const Origin& origin);

}  // namespace chitu::config
