#include "tools/chitu/batch/media_digest.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/io/hash.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

/// Adds a file to the digest: its bytes, and to `hash` what they are.
void add_file(const fs::path& file, MediaDigest& digest, io::Sha256& hash) {
  if (!fs::is_regular_file(file)) throw InputError(file.string() + ": not a regular file");
  std::ifstream stream(file, std::ios::binary);
  std::vector<char> buffer(1 << 20);
  while (stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) ||
         stream.gcount() > 0) {
    hash.update({buffer.data(), static_cast<std::size_t>(stream.gcount())});
    digest.bytes += stream.gcount();
  }
  if (!stream.eof()) throw InputError(file.string() + ": cannot be read");
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void add_folder(const fs::path& folder, MediaDigest& digest, io::Sha256& hash) {
  for (const fs::path& file : files_in(folder)) {
    io::Sha256 content;
    add_file(file, digest, content);
    hash.update(content.finish() + "  " + file.filename().string() + "\n");
  }
}

}  // namespace

MediaDigest digest_of(const fs::path& folder, const fs::path& path) {
  MediaDigest digest{path.lexically_relative(folder).string(), 0, ""};
  io::Sha256 hash;
  if (fs::is_directory(path))
    add_folder(path, digest, hash);
  else
    add_file(path, digest, hash);
  digest.sha256 = hash.finish();
  return digest;
}

bool is_unchanged(const fs::path& folder, const MediaDigest& digest) {
  try {
    return digest_of(folder, folder / digest.name) == digest;
  } catch (const std::exception&) {  // it is gone or cannot be read
    return false;
  }
}

nlohmann::json to_json(const MediaDigest& digest) {
  return {{"name", digest.name}, {"bytes", digest.bytes}, {"sha256", digest.sha256}};
}

MediaDigest media_digest(const nlohmann::json& json) {
  MediaDigest digest{json.at("name"), json.at("bytes"), json.at("sha256")};
  const fs::path name = digest.name;
  if (name.empty() || name.is_absolute() || std::find(name.begin(), name.end(), "..") != name.end())
    throw Error(digest.name + " is no name below the folder");
  return digest;
}

}  // namespace chitu::tools
