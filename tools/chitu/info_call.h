#pragma once

namespace chitu::tools {

/// What `chitu info` asks of the engine library.
struct InfoCall {
  static constexpr const char* kCommand = "info";
  bool json = false;
};

}  // namespace chitu::tools
