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

#include "chitu_core/io/encoding.h"

namespace chitu::io {

/// What the header of a file says about one tensor, checked against the file.
struct TensorInfo {
  std::string name;
  at::ScalarType dtype = at::ScalarType::Undefined;  ///< of the values; float32 if encoded
  std::vector<std::int64_t> shape;
  std::int64_t offset_bytes = 0;  ///< of the data in the file
  std::int64_t size_bytes = 0;
  std::filesystem::path file;
  std::shared_ptr<const Encoding> encoding{};  ///< of the data; null: plain values of `dtype`

  std::int64_t numel() const;
  /// Of the first dimension; a tensor with fewer than two dimensions is one row.
  std::int64_t rows() const { return shape.size() < 2 ? 1 : shape.front(); }
};

/// Identifies a file's content: changed content has another identity, unless the file system
/// reports wrong times.
struct FileIdentity {
  std::int64_t device = 0, inode = 0, size_bytes = 0;
  std::int64_t modified_ns = 0;  ///< programs can set it
  std::int64_t changed_ns = 0;   ///< the system sets it at every change

  bool operator==(const FileIdentity&) const = default;
};

/// Its numbers, for comparison.
std::string text_of(const FileIdentity& identity);

/// A file of named tensors mapped into memory, read-only. Opening reads only the header; weights
/// are read when a tensor's data is first used.
class TensorFile {
 public:
  const std::filesystem::path& path() const { return path_; }
  /// In the order of their data in the file.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  /// Texts of the header that describe the whole file.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  bool contains(const std::string& name) const { return index_.contains(name); }
  /// Throws InputError with the file and the nearest names if there is no such tensor.
  const TensorInfo& info(const std::string& name) const;

  /// A contiguous CPU tensor that views the mapping and keeps it alive; a copy if the data is not
  /// aligned for the dtype. Never write to it: the pages are read-only.
  at::Tensor tensor(const std::string& name) const;

  /// Copies a tensor's values from the file into a contiguous CPU tensor with the same number of
  /// elements, decoded and cast to its dtype. Reads the file directly, not the mapping; casts
  /// through a small buffer. Throws Error "<file>: tensor "<name>": cannot read: <reason>" if the
  /// disk fails or the file has become shorter.
  void read_into(const std::string& name, at::Tensor& destination) const;
  /// The same for rows of the first dimension, from `first_row` on, as many as the destination has.
  /// Also throws Error if the tensor does not have these rows.
  void read_rows(const std::string& name, std::int64_t first_row, at::Tensor& destination) const;

  /// Copies rows of a tensor as the file has them, from `first_row` on: uint8 [rows, bytes of a
  /// row], contiguous.
  void read_stored_rows(const std::string& name, std::int64_t first_row, at::Tensor& to) const;
  /// The same bytes of all rows without a copy, as tensor(): uint8 [rows, bytes of a row].
  at::Tensor stored(const std::string& name) const;

  /// Reads bytes of the opened file, header included, even if its name now refers to another one.
  /// Throws Error "<file>: cannot read: <reason>".
  void read_bytes(std::int64_t offset, char* into, std::int64_t count) const;
  /// Of the opened file.
  FileIdentity identity() const;

  /// Releases a tensor's pages, so that reading a whole checkpoint in small copies needs little
  /// memory. Views stay valid: the next use reads the file again.
  void drop_pages(const std::string& name) const;

 protected:
  class Mapping;
  explicit TensorFile(const std::filesystem::path& path);

  std::string_view mapped() const;
  /// The parsed header: tensors in the order of their data.
  void set_header(std::vector<TensorInfo> tensors, std::map<std::string, std::string> metadata);

 private:
  /// Fills the destination with elements from `first` on.
  void read_elements(const TensorInfo& tensor, std::int64_t first, at::Tensor& destination) const;
  /// The same, from encoded rows.
  void read_encoded(const TensorInfo& tensor, std::int64_t first_row,
                    at::Tensor& destination) const;
  /// Reads so many bytes of a tensor's data.
  void read_data(const TensorInfo& tensor, std::int64_t offset, void* into,
                 std::int64_t count) const;
  at::Tensor view(const TensorInfo& tensor, at::IntArrayRef shape, at::ScalarType dtype) const;

  std::filesystem::path path_;
  std::shared_ptr<const Mapping> mapping_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
  std::map<std::string, std::string> metadata_;
};

/// Makes one read_into() or read_rows() fail like a broken disk, for tests: the n-th from now on,
/// counted from 1; 0 = none.
void inject_read_fault(std::int64_t number);
/// Number of these calls in this process.
std::int64_t read_count();
/// Bytes that these calls have read from files. Reads through views of the mapping are not counted:
/// the system makes them.
std::int64_t read_bytes();

}  // namespace chitu::io
