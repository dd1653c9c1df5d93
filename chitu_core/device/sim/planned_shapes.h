#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <string>

namespace chitu::device::sim {

/// Whether the two functions below know the operator.
bool has_known_shape(const std::string& op);
bool has_flops(const std::string& op);

/// Does the operator's work on meta tensors, for those that libtorch has no meta kernel for in C++
/// or whose kernel on the CPU lays its result out otherwise. False when it is none of these.
bool run_known_shape(const std::string& op, torch::jit::Stack* stack, std::size_t arguments);

/// Multiplications and additions of the call, its arguments on top of the stack; 0 for operators
/// that are not matrix products, attention or convolutions.
double flops_of(const std::string& op, const torch::jit::Stack& stack, std::size_t arguments);

}  // namespace chitu::device::sim
