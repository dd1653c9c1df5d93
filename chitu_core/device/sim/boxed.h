#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include "chitu_core/device/sim/memory.h"

namespace chitu::device::sim {

/// An argument of a boxed call, with each tensor in it replaced by call.argument().
template <class Call>
c10::IValue argument_of(Call& call, const c10::IValue& value) {
  if (value.isTensor()) return call.argument(value.toTensor());
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(call.argument(tensor));
    return list;
  }
  if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> list;
    for (const std::optional<at::Tensor> tensor : value.toOptionalTensorList())
      list.push_back(tensor ? std::optional(call.argument(*tensor)) : tensor);
    return list;
  }
  if (value.isDevice() && value.toDevice().type() == kType) return c10::Device(call.stand_in());
  return value;
}

/// A result of a boxed call, with each tensor in it replaced by call.result().
template <class Call>
c10::IValue result_of(const Call& call, const c10::IValue& value) {
  if (value.isTensor()) return call.result(value.toTensor());
  if (!value.isTensorList()) return value;
  c10::List<at::Tensor> list;
  for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(call.result(tensor));
  return list;
}

template <class Call>
void replace_arguments(const c10::OperatorHandle& op, torch::jit::Stack* stack, Call& call) {
  const std::size_t arguments = op.schema().arguments().size();
  for (std::size_t i = stack->size() - arguments; i < stack->size(); ++i)
    (*stack)[i] = argument_of(call, (*stack)[i]);
}

template <class Call>
void replace_results(const c10::OperatorHandle& op, torch::jit::Stack* stack, const Call& call) {
  const std::size_t results = op.schema().returns().size();
  for (std::size_t i = stack->size() - results; i < stack->size(); ++i)
    (*stack)[i] = result_of(call, (*stack)[i]);
}

}  // namespace chitu::device::sim
