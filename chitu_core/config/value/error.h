#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/config/value/origin.h"

namespace chitu::config {

/// A mistake in the user's YAML or command line; what() begins with its place.
class ConfigError : public InputError {
 public:
  using InputError::InputError;

  /// "<place>: <problem>"; without a place for a value that a program made.
  ConfigError(const Origin& origin, std::string_view problem);

  /// "<place>: <key>: <problem>"; without the key when the place is an override of that key.
  ConfigError(const Origin& origin, std::string_view key, std::string_view problem);
};

/// Several mistakes; what() has one line for each.
class ConfigErrors : public ConfigError {
 public:
  explicit ConfigErrors(std::vector<std::string> mistakes);

  const std::vector<std::string>& mistakes() const { return mistakes_; }

 private:
  std::vector<std::string> mistakes_;
};

/// The part of a text around the byte `offset`: one line, at most as wide as a terminal, with "..."
/// where it is cut.
std::string excerpt(std::string_view text, std::size_t offset);

/// " at column 5": the column of the byte `offset`, counted in characters from 1.
std::string at_column(std::string_view text, std::size_t offset);

}  // namespace chitu::config
