#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <string>

namespace chitu::device::sim {

/// Whether one of the functions below handles the operator.
bool has_known_shape(const std::string& op);
bool has_flops(const std::string& op);

/// Runs the operator on meta tensors if libtorch has no meta kernel for it in C++, or if its CPU
/// kernel returns another memory layout. False for all other operators.
bool run_known_shape(const std::string& op, torch::jit::Stack* stack, std::size_t arguments);

/// Multiplications and additions of the call whose arguments are on top of the stack; 0 if it is no
/// matrix product, attention or convolution.
double flops_of(const std::string& op, const torch::jit::Stack& stack, std::size_t arguments);

}  // namespace chitu::device::sim
