#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/Allocator.h>

namespace chitu::device::sim {

/// Runs an operator on shapes only and counts what it would return.
///
/// throws  Error for an operator that reads values or has no shape function
void dry_run_of(const c10::OperatorHandle& op, torch::jit::Stack* stack);

/// Counts a copy between the dry run's device and its host; ignores others.
void plan_copy(const at::Tensor& from, const at::Tensor& to);

/// The allocator of the dry run's host.
c10::Allocator* dry_run_host();

}  // namespace chitu::device::sim
