#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::fuzz {

/// A folder for the files of a fuzz target, made at first use and kept for all inputs.
inline const std::filesystem::path& scratch_folder() {
  static const std::filesystem::path folder = [] {
    std::string name = (std::filesystem::temp_directory_path() / "chitu_fuzz_XXXXXX").string();
    return std::filesystem::path(::mkdtemp(name.data()));
  }();
  return folder;
}

/// The pieces of an input between its zero bytes, at least `least` of them (empty where it ends).
inline std::vector<std::string> pieces(std::string_view input, std::size_t least) {
  std::vector<std::string> parts(1);
  for (const char c : input) {
    if (c == '\0')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  if (parts.size() < least) parts.resize(least);
  return parts;
}

}  // namespace chitu::fuzz
