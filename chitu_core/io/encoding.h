#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

namespace chitu::io {

/// How the rows of a weight are stored where they are not plain values: quantised in blocks, or
/// with scales beside them. A weight stays in this form, in host memory and on a device, until it
/// is used.
class Encoding {
 public:
  virtual ~Encoding() = default;
  /// "Q4_K", "fp8_scaled".
  virtual std::string name() const = 0;
  /// Bytes of a row of so many values.
  virtual std::int64_t row_bytes(std::int64_t columns) const = 0;
  /// Computes values in float32 and rounds them once. The result depends neither on the device nor
  /// on how many rows are decoded at once.
  ///
  /// bytes   uint8 [rows, row_bytes(columns)], contiguous
  /// values  [rows, columns], floating point, on the same device
  virtual void decode(const at::Tensor& bytes, at::Tensor& values) const = 0;
};

/// Float8 values of this dtype, each to be multiplied by one scale.
std::shared_ptr<const Encoding> scaled_float8(at::ScalarType dtype, float scale);

/// Float8 values whose row ends with its scale: four more bytes, a float32.
std::shared_ptr<const Encoding> row_scaled_float8(at::ScalarType dtype);

}  // namespace chitu::io
