#pragma once

#include <string>
#include <string_view>

#include "chitu_core/common/error.h"

namespace chitu::config {

/// A mistake in the user's YAML or command line; what() begins with the place they wrote it.
class ConfigError : public InputError {
 public:
  using InputError::InputError;
};

}  // namespace chitu::config
