#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace chitu::io {

/// Bytes of the file that write_safetensors() makes of these; the tensors' data are not read.
std::int64_t safetensors_bytes(const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                               const std::map<std::string, std::string>& metadata = {});

}  // namespace chitu::io
