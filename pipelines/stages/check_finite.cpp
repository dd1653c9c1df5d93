#include "pipelines/stages/check_finite.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include "chitu_core/common/error.h"
#include "chitu_core/nn/finite.h"

namespace chitu::pipelines {

void check_finite(const at::Tensor& made, const std::string& what,
                  const std::function<std::string()>& advice) {
  if (!nn::all_finite(made))
    throw Error(fmt::format("{} are not finite (NaN or infinity): {}", what, advice()));
}

std::string dtype_advice(const std::string& component, const memory::ComponentPlan& plan,
                         const std::string& dtype_key) {
  if (plan.dtype == at::kHalf)
    return fmt::format(
        "the {} computes in float16, whose largest number is 65504; {}=bfloat16 or "
        "float32 may help",
        component, dtype_key);
  if (plan.stored)
    return fmt::format(
        "weights of the {} are stored in {}, whose range is small; memory=default, which "
        "does not round them, may help",
        component, c10::toString(*plan.stored));
  return fmt::format("check that the weights of the {}, in the checkpoint and in LoRAs, are finite",
                     component);
}

}  // namespace chitu::pipelines
