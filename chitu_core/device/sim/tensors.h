#pragma once

#include <ATen/ATen.h>

#include "chitu_core/device/sim/memory.h"

namespace chitu::device::sim {

inline bool is_sim(const at::Tensor& tensor) {
  return tensor.defined() && tensor.device().type() == kType;
}

/// A tensor of the sizes, strides and dtype of another on a storage of its own.
at::Tensor with_layout_of(const at::Tensor& tensor, c10::Storage storage, c10::DispatchKey key);

}  // namespace chitu::device::sim
