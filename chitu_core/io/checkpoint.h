#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "chitu_core/io/safetensors.h"

namespace chitu::io {

/// The weights of one component folder in the diffusers or transformers layout: one file
/// `diffusion_pytorch_model.safetensors` or `model.safetensors`, or its shards with their
/// `*.safetensors.index.json`. Opening reads and checks every header.
///
/// Throws InputError naming the file: no weights in the folder, a shard that is missing or damaged,
/// a tensor for which index and shards disagree.
class Checkpoint {
 public:
  /// `variant` selects files such as `model.fp16.safetensors`; empty means those without a variant,
  /// or the only variant that exists (find_weights).
  explicit Checkpoint(const std::filesystem::path& folder, std::string_view variant = {});

  const std::filesystem::path& folder() const { return folder_; }
  const std::vector<SafetensorsFile>& files() const { return files_; }

  /// All tensors, file by file, in the order of their data.
  const std::vector<std::string>& names() const { return names_; }
  bool contains(const std::string& name) const { return file_of_.contains(name); }
  /// Bytes of all tensors in the files.
  std::int64_t total_bytes() const { return total_bytes_; }

  /// The following throw InputError with the folder and the nearest names if there is no such
  /// tensor.
  const TensorInfo& info(const std::string& name) const;
  /// As SafetensorsFile::tensor: a read-only CPU view of the mapped file.
  at::Tensor tensor(const std::string& name) const;
  void read_into(const std::string& name, at::Tensor& destination) const;
  /// As SafetensorsFile::read_rows.
  void read_rows(const std::string& name, std::int64_t first_row, at::Tensor& destination) const;
  void drop_pages(const std::string& name) const;

 private:
  void open_shards(const std::filesystem::path& index);
  void add(SafetensorsFile file);
  const SafetensorsFile& file_of(const std::string& name) const;

  std::filesystem::path folder_;
  std::vector<SafetensorsFile> files_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::size_t> file_of_;
  std::int64_t total_bytes_ = 0;
};

}  // namespace chitu::io
