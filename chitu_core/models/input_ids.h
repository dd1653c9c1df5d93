#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace chitu::models {

/// Checks what a text encoder gets.
///
/// input_ids  [B, L] int64
/// throws     ShapeError for another shape, or an empty one; InputError for an id outside of the
///            vocabulary, except in a dry run
void check_input_ids(const at::Tensor& input_ids, std::int64_t vocab_size);

}  // namespace chitu::models
