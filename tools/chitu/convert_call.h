#pragma once

#include <string>
#include <vector>

namespace chitu::tools {

/// Arguments of `chitu convert` for the engine library.
struct ConvertCall {
  static constexpr const char* kCommand = "convert";
  std::string source{};  ///< a checkpoint folder, or the name of a model that ships without weights
  std::string target{};
  std::string dtype{};               ///< of the weights
  std::string layout = "streaming";  ///< order of the tensors
  std::vector<std::string> files{};  ///< COMPONENT=FILE
};

}  // namespace chitu::tools
