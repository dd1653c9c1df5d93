#include "tools/chitu/media_record.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"

namespace chitu::tools {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

json describe(const fs::path& file) {
  if (!fs::is_regular_file(file)) throw InputError(file.string() + ": not a regular file");
  std::ifstream stream(file, std::ios::binary);
  std::uint64_t bytes = 0;
  auto sum = ::crc32(0, nullptr, 0);
  std::vector<char> buffer(1 << 20);
  while (stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) ||
         stream.gcount() > 0) {
    const auto got = static_cast<uInt>(stream.gcount());
    sum = ::crc32(sum, reinterpret_cast<const Bytef*>(buffer.data()), got);
    bytes += got;
  }
  if (!stream.eof()) throw InputError(file.string() + ": cannot be read");
  return {{"bytes", bytes}, {"crc32", fmt::format("{:08x}", sum)}};
}

/// The path itself, or the files in it when it is a folder.
std::vector<fs::path> files_of(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

json metrics_in(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_regular_file(folder / "metrics.json", error)) return json::object();
  try {
    auto metrics = json::parse(read_file(folder / "metrics.json"), nullptr, false);
    return metrics.is_object() ? metrics : json::object();
  } catch (const Error&) {
    return json::object();
  }
}

json part_of(const json& metrics, const std::string& key) {
  return metrics.contains(key) && metrics[key].is_object() ? metrics[key] : json::object();
}

bool is_as_recorded(const fs::path& folder, const std::string& name, const json& said) {
  const fs::path path = name;
  if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end()) return false;
  std::error_code error;
  const auto bytes = fs::file_size(folder / path, error);
  if (error || !said.is_object() || said.value("bytes", json()) != bytes) return false;
  try {
    return describe(folder / path) == said;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

json file_record(const fs::path& folder, const std::vector<fs::path>& files) {
  json record = json::object();
  for (const fs::path& path : files)
    for (const fs::path& file : files_of(path))
      record[file.lexically_relative(folder).string()] = describe(file);
  return record;
}

json earlier_record(const fs::path& folder, const std::string& name) {
  const json metrics = metrics_in(folder);
  json record = part_of(metrics, "earlier_" + name);
  record.update(part_of(metrics, name));
  return record;
}

void remove_earlier(const fs::path& folder, const json& earlier, const json& record) noexcept {
  std::error_code ignored;
  for (const auto& [name, said] : earlier.items()) {
    if (record.contains(name) || !is_as_recorded(folder, name, said)) continue;
    const fs::path file = folder / name;
    fs::remove(file, ignored);
    if (file.parent_path() != folder) fs::remove(file.parent_path(), ignored);  // only when empty
  }
}

bool is_done_and_whole(const fs::path& folder) {
  const json metrics = metrics_in(folder);
  const json media = part_of(metrics, "media");
  const auto items = media.items();
  return metrics.value("status", json()) == "done" && !media.empty() &&
         std::all_of(items.begin(), items.end(), [&](const auto& item) {
           return is_as_recorded(folder, item.key(), item.value());
         });
}

}  // namespace chitu::tools
