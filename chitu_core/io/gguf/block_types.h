#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chitu_core/io/encoding.h"

namespace chitu::io {

/// A type of tensor data in GGUF files: plain values of a dtype, or blocks of quantised values.
struct GgmlType {
  std::string name;  ///< "Q4_K"
  at::ScalarType dtype = at::ScalarType::Undefined;
  std::shared_ptr<const Encoding> encoding{};  ///< null: plain values
  std::int64_t block_values = 1, block_bytes = 0;

  /// Whether chitu reads it.
  bool is_supported() const { return block_bytes > 0; }
};

/// The type of a number in a file; one without a name if no such type is known.
///
/// source  the table of types in ggml.h, and the layouts of their blocks in ggml-quants.c
GgmlType ggml_type(std::uint32_t id);

/// Names of the types that chitu reads.
std::vector<std::string> supported_ggml_types();

}  // namespace chitu::io
