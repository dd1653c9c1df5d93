#pragma once

#include <functional>
#include <string>

#include "chitu_core/memory/plan.h"

namespace at {
class Tensor;
}

namespace chitu::pipelines {

/// Checks the tensor that a stage or a step made, on its device (nn::all_finite).
///
/// what    start of the message: "the latents", "step 3 of 50: the latents"
/// advice  called if the check fails; returns the end of the message: what may help
/// throws  Error "<what> are not finite (NaN or infinity): <advice>"
void check_finite(const at::Tensor& made, const std::string& what,
                  const std::function<std::string()>& advice);

/// What may help if a component returns numbers that are not finite: a wider dtype, with the key
/// that sets it, or else a check of its weights.
std::string dtype_advice(const std::string& component, const memory::ComponentPlan& plan,
                         const std::string& dtype_key);

}  // namespace chitu::pipelines
