#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/config/value/origin.h"

namespace chitu::config {

/// A mistake in the user's YAML or command line; what() begins with the place they wrote it.
class ConfigError : public InputError {
 public:
  using InputError::InputError;

  /// "<place>: <problem>", or the problem alone when nobody wrote the value.
  ConfigError(const Origin& origin, std::string_view problem);

  /// "<place>: <key>: <problem>"; the key is left out where the place is an override of it.
  ConfigError(const Origin& origin, std::string_view key, std::string_view problem);
};

/// Several mistakes that were found together; what() has a line for each.
class ConfigErrors : public ConfigError {
 public:
  explicit ConfigErrors(std::vector<std::string> mistakes);

  const std::vector<std::string>& mistakes() const { return mistakes_; }

 private:
  std::vector<std::string> mistakes_;
};

/// What stands around the byte `offset` of a text: on one line, at most a screen's width, with
/// "..." where it was cut.
std::string excerpt(std::string_view text, std::size_t offset);

/// " at column 5": the place of the byte `offset`, counted in characters from 1.
std::string at_column(std::string_view text, std::size_t offset);

}  // namespace chitu::config
