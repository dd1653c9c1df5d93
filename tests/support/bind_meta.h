#pragma once

#include <ATen/ATen.h>

#include "chitu_core/memory/module.h"

namespace chitu::testing {

/// Binds every parameter to a meta tensor of its shape, which has no data.
inline void bind_meta(memory::Module& module, at::ScalarType dtype) {
  module.visit_parameters([&](const std::string&, memory::Parameter& parameter) {
    parameter.dtype = parameter.stored = memory::compute_dtype(parameter.precision, dtype);
    parameter.tensor =
        at::empty(parameter.shape, at::TensorOptions().device(at::kMeta).dtype(parameter.dtype));
  });
}

}  // namespace chitu::testing
