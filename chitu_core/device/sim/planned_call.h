#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/Allocator.h>

namespace chitu::device::sim {

/// Runs an operator on shapes alone and books what it would return.
///
/// throws  Error for an operator that reads values or whose shapes nobody knows
void run_planned(const c10::OperatorHandle& op, torch::jit::Stack* stack);

/// Books a copy between the planned device and its host; others are free.
void plan_copy(const at::Tensor& from, const at::Tensor& to);

/// Allocates what stands on the plan's host.
c10::Allocator* planned_host();

}  // namespace chitu::device::sim
