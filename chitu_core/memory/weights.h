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

/// Where weights go and in which dtype they compute there.
struct WeightFormat {
  c10::Device device = c10::kCPU;
  at::ScalarType dtype = at::kFloat;  ///< parameters with Precision::float32 ignore it
  /// What matrices of the layers wait in until they are used; empty = dtype.
  std::optional<at::ScalarType> stored{};
  bool rests_on_host = false;  ///< copies come from one in host memory, which stays

  bool operator==(const WeightFormat&) const = default;
};

/// Compares a module with the headers of its checkpoint; reads no weights.
///
/// throws  InputError naming file and tensor when one is missing, has another shape or a dtype that
///         cannot be computed with, or when the checkpoint holds one the module does not know and
///         Module::unused_prefixes() does not name. All such faults are listed, ten at most.
void check_weights(const Module& module, const io::Checkpoint& checkpoint);

/// Binds every parameter to a copy of its tensor on the device, cast one tensor at a time. What is
/// held beside the result is at most 64 MiB of the host: larger weights go over in runs of rows.
/// All or nothing: when it throws, nothing stays bound.
///
/// throws  InputError as check_weights does
void bind_weights(Module& module, const WeightSource& source, const WeightFormat& format);

/// As bind_weights, for the parameters that belong to no layer and for the layers (indices into
/// Module::layers()) that `resident` names. Those that are gathered are bound to the source itself,
/// on the host and in its dtype.
void bind_outside_layers(Module& module, const WeightSource& source, const WeightFormat& format,
                         const std::function<bool(std::int64_t)>& resident);

/// Says of every parameter what it computes in and what it waits in: the same, but for the matrices
/// of the layers where the format asks for a narrower one.
void set_dtypes(Module& module, const WeightFormat& format);

/// Bytes that the module's parameters take when bound with this dtype.
std::int64_t weight_bytes(const Module& module, at::ScalarType dtype);

}  // namespace chitu::memory
