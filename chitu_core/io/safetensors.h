#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace chitu::io {

/// What a safetensors header says about one tensor, checked against the file.
struct TensorInfo {
  std::string name;
  at::ScalarType dtype = at::ScalarType::Undefined;
  std::vector<std::int64_t> shape;
  std::int64_t offset_bytes = 0;  ///< of the data, from the start of the file
  std::int64_t size_bytes = 0;
  std::filesystem::path file;

  std::int64_t numel() const;
};

/// What the system knows a file's content by: another content has another identity, unless the file
/// system makes times up.
struct FileIdentity {
  std::int64_t device = 0, inode = 0, size_bytes = 0;
  std::int64_t modified_ns = 0;  ///< as programs may set it
  std::int64_t changed_ns = 0;   ///< as the system sets it at every change

  bool operator==(const FileIdentity&) const = default;
};

/// A safetensors file mapped into memory, read-only. Opening reads the header alone; weights are
/// read by the first use of a tensor's bytes.
///
/// Opening checks everything before use: the header's length, JSON, dtypes (F64 F32 F16 BF16
/// F8_E4M3 F8_E5M2 I64 I32 I16 I8 U8 BOOL), shapes, and that the tensors' bytes tile the rest of
/// the file exactly. Throws InputError "<file>: <problem>" or "<file>: tensor "<name>": <problem>".
/// source  github.com/huggingface/safetensors, README, section Format
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// In the order of their bytes in the file.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  /// The header's __metadata__.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  bool contains(const std::string& name) const { return index_.contains(name); }
  /// Throws InputError naming the file and the nearest tensors when there is none of that name.
  const TensorInfo& info(const std::string& name) const;

  /// A contiguous CPU tensor that views the mapping and keeps it alive; a copy where the file's
  /// bytes are not aligned for the dtype. Never write to it: the pages are read-only.
  at::Tensor tensor(const std::string& name) const;

  /// Copies a tensor's data from the file into a contiguous CPU tensor of as many elements, cast to
  /// its dtype. Reads through a small buffer where it casts, and touches no mapped page.
  /// Throws Error "<file>: tensor "<name>": cannot read: <reason>" when the disk fails or the file
  /// has become shorter.
  void read_into(const std::string& name, at::Tensor& destination) const;
  /// Likewise rows of the first dimension, from `first_row` on: as many as the destination has.
  /// Throws Error also when the tensor has no such rows.
  void read_rows(const std::string& name, std::int64_t first_row, at::Tensor& destination) const;

  /// Reads bytes of the file as it was opened, header included, wherever its name leads by now.
  /// Throws Error "<file>: cannot read: <reason>".
  void read_bytes(std::int64_t offset, char* into, std::int64_t count) const;
  /// Of the file as it was opened.
  FileIdentity identity() const;

  /// Gives a tensor's pages back to the system, so that reading a whole checkpoint through small
  /// copies stays small in memory. Views stay valid: the next use reads the file again.
  void drop_pages(const std::string& name) const;

 private:
  class Mapping;

  /// Fills the destination with the elements from `first` on.
  void read_elements(const TensorInfo& tensor, std::int64_t first, at::Tensor& destination) const;

  std::filesystem::path path_;
  std::shared_ptr<const Mapping> mapping_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
  std::map<std::string, std::string> metadata_;
};

/// Makes one read_into() or read_rows() fail as a broken disk would, for tests of what happens
/// then: the one with this number, counted from 1 from now on; 0 = none.
void inject_read_fault(std::int64_t number);
/// How many of them there have been in this process.
std::int64_t read_count();
/// Bytes that they have taken from files. Views of the mapping are not among them: the system reads
/// their pages when and as it likes.
std::int64_t read_bytes();

/// Writes a safetensors file: the tensors' data in the given order, except that larger dtypes come
/// first so that every tensor is aligned. Tensors may be on any device; they are copied to the CPU
/// one at a time. The file appears whole under its name or not at all.
/// Throws InputError "<path>: cannot write: <reason>"; InputError for a name that stands twice or a
/// dtype that the format lacks.
void write_safetensors(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace chitu::io
