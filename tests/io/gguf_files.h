#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "chitu_core/common/files.h"

namespace chitu::testing {

/// Builds the bytes of a GGUF file, right or wrong.
class GgufBytes {
 public:
  template <class T>
  GgufBytes& number(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes_.append(raw, sizeof(T));
    return *this;
  }
  GgufBytes& text(const std::string& value) {
    number<std::uint64_t>(value.size());
    bytes_ += value;
    return *this;
  }
  GgufBytes& header(std::uint64_t tensors, std::uint64_t values, std::uint32_t version = 3) {
    bytes_ += "GGUF";
    return number(version).number(tensors).number(values);
  }
  /// shape  in the order of libtorch
  GgufBytes& tensor(const std::string& name, const std::vector<std::int64_t>& shape,
                    std::uint32_t type, std::uint64_t offset) {
    text(name).number(static_cast<std::uint32_t>(shape.size()));
    for (auto side = shape.rbegin(); side != shape.rend(); ++side)
      number(static_cast<std::uint64_t>(*side));
    return number(type).number(offset);
  }
  GgufBytes& pad(std::size_t alignment = 32) {
    bytes_.append((alignment - bytes_.size() % alignment) % alignment, '\0');
    return *this;
  }
  GgufBytes& data(const std::string& value) {
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// A tensor of a GGUF file that a test makes.
struct GgufTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::uint32_t type;
  std::string data;
};

inline void write_gguf(const std::filesystem::path& path, const std::vector<GgufTensor>& tensors) {
  GgufBytes file;
  file.header(tensors.size(), 1);
  file.text("general.architecture").number<std::uint32_t>(8).text("wan");
  std::uint64_t offset = 0;
  for (const GgufTensor& tensor : tensors) {
    file.tensor(tensor.name, tensor.shape, tensor.type, offset);
    offset += (tensor.data.size() + 31) / 32 * 32;
  }
  file.pad();
  for (const GgufTensor& tensor : tensors) file.data(tensor.data).pad();
  write_file(path, file.bytes());
}

}  // namespace chitu::testing
