#pragma once

#include <string>
#include <vector>

namespace chitu::tools {

/// What `chitu compare` asks of the engine library. Returns 1 when something is beyond the
/// tolerance.
struct CompareCall {
  static constexpr const char* kCommand = "compare";
  std::string a, b;  ///< run folders, folders of pictures, media files or metrics.json files
  std::vector<std::string> tolerance{};
  bool json = false;
  std::string html{};  ///< a file to write; empty = none
};

}  // namespace chitu::tools
