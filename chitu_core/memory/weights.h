#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "chitu_core/io/checkpoint.h"
#include "chitu_core/memory/module.h"
#include "chitu_core/memory/weight_source.h"

namespace chitu::memory {

/// Where weights go, and their dtype there.
struct WeightFormat {
  c10::Device device = c10::kCPU;
  at::ScalarType dtype = at::kFloat;  ///< parameters with Precision::float32 ignore it
  /// Storage dtype of the layers' matrices until they are used; empty = dtype.
  std::optional<at::ScalarType> stored{};
  bool rests_on_host = false;  ///< a copy stays in host memory, and device copies are made from it
  bool pin_memory = true;      ///< weights pass through pinned host memory on their way to a device

  bool operator==(const WeightFormat&) const = default;
};

/// Compares a module with the headers of its checkpoint; reads no weights.
///
/// throws  InputError naming file and tensor if one is missing, has another shape or no
///         floating-point dtype, or if the checkpoint has one that neither the module nor
///         Module::unused_prefixes() names. Lists all faults, at most ten.
void check_weights(const Module& module, const io::Checkpoint& checkpoint);

/// Binds every parameter to a copy of its tensor on the device, cast one tensor at a time. Needs at
/// most kStagingBytes of host memory besides: larger weights are copied in runs of rows. If it
/// throws, nothing stays bound.
///
/// throws  InputError as check_weights does
void bind_weights(Module& module, const WeightSource& source, const WeightFormat& format);

/// As bind_weights, for the parameters outside the layers and for the layers for which `resident`
/// (given the index in Module::layers()) is true. Gathered parameters are bound to the source
/// itself, on the host and in its dtype.
void bind_outside_layers(Module& module, const WeightSource& source, const WeightFormat& format,
                         const std::function<bool(std::int64_t)>& resident);

/// Sets every parameter's dtypes for computation and storage. Where users cast or decode the
/// weight, it is stored as the source has it if that is float8 or encoded; matrices of layers that
/// have plain values are stored in the format's narrower dtype if it has one. All others are stored
/// in the dtype for computation.
void set_dtypes(Module& module, const WeightSource& source, const WeightFormat& format);

/// Bytes of the module's parameters if bound with this dtype.
std::int64_t weight_bytes(const Module& module, at::ScalarType dtype);

}  // namespace chitu::memory
