#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace chitu::io {

/// A tensor of a safetensors file without its data.
struct TensorOutline {
  std::string name;
  c10::ScalarType dtype;
  std::vector<std::int64_t> shape;

  std::int64_t bytes() const;
};

/// The beginning of a safetensors file, up to the data, which follows in this order.
///
/// path    for messages
/// throws  InputError for a repeated name or a dtype that the format does not have
std::string safetensors_header(const std::filesystem::path& path,
                               const std::vector<TensorOutline>& tensors,
                               const std::map<std::string, std::string>& metadata = {});

}  // namespace chitu::io
