#pragma once

#include <string>
#include <string_view>

#include "chitu_core/common/error.h"
#include "chitu_core/config/origin.h"

namespace chitu::config {

/// A mistake in the user's YAML or command line; what() begins with the place they wrote it.
class ConfigError : public InputError {
 public:
  using InputError::InputError;

  /// "<place>: <problem>", or the problem alone when nobody wrote the value.
  ConfigError(const Origin& origin, std::string_view problem);

  /// "<place>: <key>: <problem>".
  ConfigError(const Origin& origin, std::string_view key, std::string_view problem);
};

/// The text followed by a line with a caret under its byte `offset`; counts UTF-8 characters, not
/// bytes, and shows at most a screen's width around the caret.
std::string with_caret(std::string_view text, std::size_t offset);

}  // namespace chitu::config
