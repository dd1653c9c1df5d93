#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "chitu_core/io/tensor_file.h"

namespace chitu::io {

/// The weights of one component: named tensors in one or more files. It is the only reader of
/// weights: plans, loading and conversion see names, shapes, dtypes and bytes at rest, whatever the
/// files are. Opening reads and checks every header.
///
/// Float8 weights whose files give scales have an encoding that multiplies by them; the scales are
/// read here and are no tensors of the checkpoint (find_scales). Blocks of GGUF files have an
/// encoding too.
///
/// Throws InputError naming the file: no weights in the folder, a shard that is missing or damaged,
/// a tensor for which index and shards disagree, scales that do not fit.
class Checkpoint {
 public:
  /// A component folder in the diffusers or transformers layout: one file
  /// `diffusion_pytorch_model.safetensors` or `model.safetensors`, or its shards with their
  /// `*.safetensors.index.json`. `variant` selects files such as `model.fp16.safetensors`; empty
  /// means those without a variant, or the only variant that exists (find_weights).
  explicit Checkpoint(const std::filesystem::path& folder, std::string_view variant = {});

  /// Weights that lie anywhere: a safetensors or GGUF file, the index of shards, or a folder as
  /// above.
  static Checkpoint open(const std::filesystem::path& path);

  /// The folder or the file that was opened.
  const std::filesystem::path& path() const { return path_; }
  const std::vector<TensorFile>& files() const { return files_; }

  /// All tensors, file by file, in the order of their data.
  const std::vector<std::string>& names() const { return names_; }
  bool contains(const std::string& name) const { return entries_.contains(name); }
  /// Bytes of all tensors in the files.
  std::int64_t total_bytes() const { return total_bytes_; }

  /// Leaves only the tensors of a table from their names to new ones, which differ.
  void rename(const std::unordered_map<std::string, std::string>& new_names);
  /// Gives a tensor another shape of as many values: files may lack dimensions of size 1.
  void reshape(const std::string& name, std::vector<std::int64_t> shape);

  /// The following throw InputError with the path and the nearest names if there is no such tensor.
  /// Errors and `info().name` have the name that the tensor has in its file.
  const TensorInfo& info(const std::string& name) const;
  /// As TensorFile::tensor: a read-only CPU view of the mapped file.
  at::Tensor tensor(const std::string& name) const;
  void read_into(const std::string& name, at::Tensor& destination) const;
  /// As TensorFile::read_rows.
  void read_rows(const std::string& name, std::int64_t first_row, at::Tensor& destination) const;
  /// Copies rows in the form of info().encoding, which decodes them.
  ///
  /// to  uint8 [rows, bytes of a row], contiguous
  void read_encoded_rows(const std::string& name, std::int64_t first_row, at::Tensor& to) const;
  /// All rows in this form: a view of the file, unless every row has a scale of its own.
  at::Tensor encoded(const std::string& name) const;
  void drop_pages(const std::string& name) const;

 private:
  struct Entry {
    std::size_t file;
    TensorInfo info;
    bool is_scaled = false;   ///< the encoding is not the file's own
    at::Tensor row_scales{};  ///< float32 [rows, 1], if every row has its own
  };
  struct Opening {};
  Checkpoint(Opening, std::filesystem::path path) : path_(std::move(path)) {}

  void open_shards(const std::filesystem::path& index);
  void add(TensorFile file);
  void finish();
  void set_scale(Entry& weight, const std::string& scale);
  const Entry& entry(const std::string& name) const;
  const TensorFile& file_of(const Entry& entry) const { return files_[entry.file]; }
  void read_scaled(const Entry& entry, std::int64_t first_row, at::Tensor& destination) const;
  void read_encoded(const Entry& entry, std::int64_t first_row, at::Tensor& to) const;

  std::filesystem::path path_;
  std::vector<TensorFile> files_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, Entry> entries_;
  std::int64_t total_bytes_ = 0;
};

}  // namespace chitu::io
