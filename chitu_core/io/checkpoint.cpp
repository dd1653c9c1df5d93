#include "chitu_core/io/checkpoint.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/io/gguf/gguf_file.h"
#include "chitu_core/io/gguf/gguf_header.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/safetensors.h"
#include "chitu_core/io/scaled_weights.h"
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

constexpr std::int64_t kDecodedBytes = 4 << 20;  // at once; see TensorFile
constexpr std::array<std::string_view, 5> kPickled{".pth", ".pt", ".bin", ".ckpt", ".pkl"};

std::string beginning_of(const std::filesystem::path& path) {
  std::string bytes(4, '\0');
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return "";  // a pipe may never begin
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), std::ssize(bytes));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

TensorFile open_file(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".gguf" || is_gguf(beginning_of(path))) return GgufFile(path);
  if (std::ranges::find(kPickled, extension) != kPickled.end())
    throw InputError(path.string() +
                     ": pickled weights are not read, for loading them can run code; expected a "
                     "safetensors or GGUF file");
  return SafetensorsFile(path);
}

}  // namespace

Checkpoint::Checkpoint(const std::filesystem::path& folder, std::string_view variant)
    : path_(folder) {
  const WeightFile found = find_weights(folder, variant);
  if (found.is_index)
    open_shards(found.path);
  else
    add(SafetensorsFile(found.path));
  finish();
}

Checkpoint Checkpoint::open(const std::filesystem::path& path) {
  if (!folder_problem(path)) return Checkpoint(path);
  Checkpoint checkpoint(Opening{}, path);
  if (path.extension() == ".json")
    checkpoint.open_shards(path);
  else
    checkpoint.add(open_file(path));
  checkpoint.finish();
  return checkpoint;
}

void Checkpoint::open_shards(const std::filesystem::path& index) {
  for (const auto& [name, expected] : shards(index)) {
    const auto path = index.parent_path() / name;
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

void Checkpoint::add(TensorFile file) {
  for (const TensorInfo& tensor : file.tensors()) {
    names_.push_back(tensor.name);
    entries_.emplace(tensor.name, Entry{files_.size(), tensor});
    total_bytes_ += tensor.size_bytes;
  }
  files_.push_back(std::move(file));
}

/// Joins weights with their scales once all files are open.
void Checkpoint::finish() {
  const ScaledWeights scaled = find_scales(files_);
  for (const auto& [weight, scale] : scaled.scale_of) set_scale(entries_.at(weight), scale);
  for (const std::string& name : scaled.beside) entries_.erase(name);
  std::erase_if(names_, [&](const std::string& name) { return scaled.beside.contains(name); });
}

void Checkpoint::set_scale(Entry& weight, const std::string& scale) {
  const TensorInfo& info = entries_.at(scale).info;
  at::Tensor values = at::empty(info.shape, at::TensorOptions(at::kFloat));
  file_of(entries_.at(scale)).read_into(scale, values);
  if (!at::isfinite(values).all().item<bool>())
    throw InputError(
        fmt::format("{}: tensor \"{}\": a scale that is not finite", info.file.string(), scale));
  weight.is_scaled = true;
  if (values.numel() == 1) {
    weight.info.encoding = scaled_float8(weight.info.dtype, values.item<float>());
  } else {
    weight.info.encoding = row_scaled_float8(weight.info.dtype);
    weight.row_scales = values.view({-1, 1});
  }
  weight.info.dtype = at::kFloat;
}

void Checkpoint::rename(const std::unordered_map<std::string, std::string>& new_names) {
  std::vector<std::string> names;
  std::unordered_map<std::string, Entry> entries;
  for (const std::string& name : names_) {
    const auto found = new_names.find(name);
    if (found == new_names.end()) continue;
    names.push_back(found->second);
    entries.emplace(found->second, std::move(entries_.at(name)));
  }
  names_ = std::move(names);
  entries_ = std::move(entries);
}

void Checkpoint::reshape(const std::string& name, std::vector<std::int64_t> shape) {
  entries_.at(name).info.shape = std::move(shape);
}

const Checkpoint::Entry& Checkpoint::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found != entries_.end()) return found->second;
  throw InputError(path_.string() + ": no tensor \"" + name + "\"" + did_you_mean(name, names_));
}

const TensorInfo& Checkpoint::info(const std::string& name) const { return entry(name).info; }

at::Tensor Checkpoint::tensor(const std::string& name) const {
  const Entry& found = entry(name);
  if (!found.is_scaled) return file_of(found).tensor(found.info.name).view(found.info.shape);
  at::Tensor values = at::empty(found.info.shape, at::TensorOptions(found.info.dtype));
  read_into(name, values);
  return values;
}

void Checkpoint::read_into(const std::string& name, at::Tensor& destination) const {
  const Entry& found = entry(name);
  if (!found.is_scaled) return file_of(found).read_into(found.info.name, destination);
  if (destination.numel() != found.info.numel())
    throw Error("tensor \"" + name + "\": read into a tensor of another shape");
  read_scaled(found, 0, destination);
}

void Checkpoint::read_rows(const std::string& name, std::int64_t first_row,
                           at::Tensor& destination) const {
  const Entry& found = entry(name);
  if (found.is_scaled) return read_scaled(found, first_row, destination);
  file_of(found).read_rows(found.info.name, first_row, destination);
}

/// In runs of rows, so that only few are in memory in both forms.
void Checkpoint::read_scaled(const Entry& entry, std::int64_t first_row,
                             at::Tensor& destination) const {
  if (destination.numel() == 0) return;
  const std::int64_t columns = entry.info.numel() / entry.info.rows();
  const std::int64_t row_bytes = entry.info.encoding->row_bytes(columns);
  const at::Tensor rows = destination.view({-1, columns});
  const std::int64_t at_once = std::max<std::int64_t>(1, kDecodedBytes / row_bytes);
  for (std::int64_t start = 0; start < rows.size(0); start += at_once) {
    const std::int64_t count = std::min(at_once, rows.size(0) - start);
    at::Tensor bytes = at::empty({count, row_bytes}, at::TensorOptions(at::kByte));
    read_encoded(entry, first_row + start, bytes);
    at::Tensor values = rows.narrow(0, start, count);
    entry.info.encoding->decode(bytes, values);
  }
}

void Checkpoint::read_encoded_rows(const std::string& name, std::int64_t first_row,
                                   at::Tensor& to) const {
  read_encoded(entry(name), first_row, to);
}

void Checkpoint::read_encoded(const Entry& entry, std::int64_t first_row, at::Tensor& to) const {
  const TensorFile& file = file_of(entry);
  if (!entry.row_scales.defined()) return file.read_stored_rows(entry.info.name, first_row, to);
  const std::int64_t columns = entry.info.numel() / entry.info.rows();
  at::Tensor values = at::empty({to.size(0), columns}, to.options());
  file.read_stored_rows(entry.info.name, first_row, values);
  to.narrow(1, 0, columns).copy_(values);
  to.narrow(1, columns, to.size(1) - columns)
      .copy_(entry.row_scales.narrow(0, first_row, to.size(0)).view(at::kByte));
}

at::Tensor Checkpoint::encoded(const std::string& name) const {
  const Entry& found = entry(name);
  if (!found.row_scales.defined()) return file_of(found).stored(found.info.name);
  const std::int64_t rows = found.info.rows(), columns = found.info.numel() / rows;
  at::Tensor bytes =
      at::empty({rows, found.info.encoding->row_bytes(columns)}, at::TensorOptions(at::kByte));
  read_encoded(found, 0, bytes);
  return bytes;
}

void Checkpoint::drop_pages(const std::string& name) const {
  const Entry& found = entry(name);
  file_of(found).drop_pages(found.info.name);
}

}  // namespace chitu::io
