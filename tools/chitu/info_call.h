#pragma once

namespace chitu::tools {

/// Arguments of `chitu info` for the engine library.
struct InfoCall {
  static constexpr const char* kCommand = "info";
  bool json = false;
};

}  // namespace chitu::tools
