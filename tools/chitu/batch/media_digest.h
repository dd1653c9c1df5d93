#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace chitu::tools {

/// A file, or a folder of files, by which it is recognised later.
struct MediaDigest {
  std::string name;        ///< below the folder of the batch
  std::int64_t bytes = 0;  ///< of all files
  /// SHA-256 of the file; of a folder, of a line "<sha256>  <name>\n" for each file, sorted by
  /// name, as `sha256sum * | sha256sum` prints it.
  std::string sha256;
  bool operator==(const MediaDigest&) const = default;
};

/// Reads the file or all files of the folder.
///
/// path    below `folder`
/// throws  InputError naming the file that cannot be read
MediaDigest digest_of(const std::filesystem::path& folder, const std::filesystem::path& path);

/// Whether the file or folder is there as it was.
bool is_unchanged(const std::filesystem::path& folder, const MediaDigest& digest);

nlohmann::json to_json(const MediaDigest& digest);
/// Throws nlohmann::json::exception for other JSON, and Error for a name outside the folder.
MediaDigest media_digest(const nlohmann::json& json);

}  // namespace chitu::tools
