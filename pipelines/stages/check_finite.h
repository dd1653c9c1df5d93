#pragma once

#include <functional>
#include <string>

#include "chitu_core/memory/plan.h"

namespace at {
class Tensor;
}

namespace chitu::pipelines {

/// Looks at what a stage or a step made, where it is (nn::all_finite).
///
/// what    opens the message: "the latents", "step 3 of 50: the latents"
/// advice  called when the check fails; what may help, for the end of the message
/// throws  Error "<what> are not finite (NaN or infinity): <advice>"
void check_finite(const at::Tensor& made, const std::string& what,
                  const std::function<std::string()>& advice);

/// What may help where a component made numbers that are not finite: a wider dtype by the key that
/// chooses it, or else a look at its weights.
std::string dtype_advice(const std::string& component, const memory::ComponentPlan& plan,
                         const std::string& dtype_key);

}  // namespace chitu::pipelines
