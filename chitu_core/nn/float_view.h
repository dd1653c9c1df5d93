#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace chitu::nn {

/// Numbers in memory as a matrix for libtorch's products; takes no part in owning them.
inline at::Tensor float_view(const float* data, std::int64_t rows, std::int64_t columns,
                             std::int64_t row_stride) {
  return at::from_blob(const_cast<float*>(data), {rows, columns}, {row_stride, 1},
                       at::TensorOptions().dtype(at::kFloat));
}

}  // namespace chitu::nn
