#include "chitu_core/io/checkpoint.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/weight_files.h"

namespace chitu::io {
namespace {

/// The inverse of the index's weight_map: the tensors that each shard must hold.
std::map<std::string, std::set<std::string>> shards(const std::filesystem::path& index) {
  const JsonObject weight_map = JsonObject::read(index).object("weight_map");
  std::map<std::string, std::set<std::string>> result;
  for (const std::string& tensor : weight_map.keys()) {
    const auto file = weight_map.required<std::string>(tensor);
    // Only a plain name: a hostile index must not leave its folder.
    if (file.empty() || file == "." || file == ".." || file.find('/') != std::string::npos ||
        file.find('\0') != std::string::npos)
      weight_map.fail(tensor, "expected a file name, got \"" + file + "\"");
    result[file].insert(tensor);
  }
  if (result.empty()) throw InputError(index.string() + ": weight_map is empty");
  return result;
}

}  // namespace

Checkpoint::Checkpoint(const std::filesystem::path& folder, std::string_view variant)
    : folder_(folder) {
  const WeightFile found = find_weights(folder, variant);
  if (found.is_index)
    open_shards(found.path);
  else
    add(SafetensorsFile(found.path));
}

void Checkpoint::open_shards(const std::filesystem::path& index) {
  for (const auto& [name, expected] : shards(index)) {
    const auto path = folder_ / name;
    if (!name_exists(path))
      throw InputError(
          fmt::format("{}: missing, though {} names it", path.string(), index.filename().string()));
    SafetensorsFile file(path);
    for (const std::string& tensor : expected)
      if (!file.contains(tensor))
        throw InputError(fmt::format("{}: tensor \"{}\" is missing, though {} names it",
                                     path.string(), tensor, index.filename().string()));
    for (const TensorInfo& tensor : file.tensors())
      if (!expected.contains(tensor.name))
        throw InputError(fmt::format("{}: tensor \"{}\" is not listed in {} for this file",
                                     path.string(), tensor.name, index.filename().string()));
    add(std::move(file));
  }
}

void Checkpoint::add(SafetensorsFile file) {
  for (const TensorInfo& tensor : file.tensors()) {
    names_.push_back(tensor.name);
    file_of_.emplace(tensor.name, files_.size());
    total_bytes_ += tensor.size_bytes;
  }
  files_.push_back(std::move(file));
}

const SafetensorsFile& Checkpoint::file_of(const std::string& name) const {
  const auto found = file_of_.find(name);
  if (found != file_of_.end()) return files_[found->second];
  throw InputError(folder_.string() + ": no tensor \"" + name + "\"" + did_you_mean(name, names_));
}

const TensorInfo& Checkpoint::info(const std::string& name) const {
  return file_of(name).info(name);
}

at::Tensor Checkpoint::tensor(const std::string& name) const { return file_of(name).tensor(name); }

void Checkpoint::read_into(const std::string& name, at::Tensor& destination) const {
  file_of(name).read_into(name, destination);
}

void Checkpoint::read_rows(const std::string& name, std::int64_t first_row,
                           at::Tensor& destination) const {
  file_of(name).read_rows(name, first_row, destination);
}

void Checkpoint::drop_pages(const std::string& name) const { file_of(name).drop_pages(name); }

}  // namespace chitu::io
