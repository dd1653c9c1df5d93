#pragma once

#include <filesystem>
#include <string>

namespace chitu::tools {

/// Arguments of `chitu calibrate` for the engine library.
struct CalibrateCall {
  static constexpr const char* kCommand = "calibrate";
  std::filesystem::path file{};  ///< to write
  bool force = false;            ///< replace an existing file
  std::string device = "auto";
  std::filesystem::path disk{};  ///< the folder whose drive is measured; empty = the file's
};

}  // namespace chitu::tools
