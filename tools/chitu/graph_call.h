#pragma once

#include <string>

#include "chitu_core/config/compose/compose.h"

namespace chitu::tools {

/// Arguments of `chitu graph` for the engine library.
struct GraphCall {
  static constexpr const char* kCommand = "graph";
  config::Composition composition{};
  std::string format = "text";  ///< text, mermaid, dot, json
};

}  // namespace chitu::tools
