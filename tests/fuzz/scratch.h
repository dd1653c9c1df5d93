#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace chitu::fuzz {

/// A folder for the files of a fuzz target, made at first use, kept for all inputs and removed when
/// the process ends.
inline const std::filesystem::path& scratch_folder() {
  static const struct Folder {
    std::filesystem::path path;
    Folder() {
      std::string name = (std::filesystem::temp_directory_path() / "chitu_fuzz_XXXXXX").string();
      path = ::mkdtemp(name.data());
    }
    ~Folder() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  } folder;
  return folder.path;
}

/// Writes a file of the folder and makes its parents. Does not wait for the drive, unlike
/// chitu::write_file().
inline void write_scratch(const std::filesystem::path& name, std::string_view bytes) {
  const auto file = scratch_folder() / name;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

/// The pieces of an input between its zero bytes; at least `least`, padded with empty ones.
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
