#pragma once

#include <string>

namespace chitu::tools {

/// Arguments of `chitu tokenize` for the engine library.
struct TokenizeCall {
  static constexpr const char* kCommand = "tokenize";
  std::string ckpt_dir{};  ///< a checkpoint in the diffusers layout
};

}  // namespace chitu::tools
