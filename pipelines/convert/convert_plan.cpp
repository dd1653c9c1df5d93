#include "pipelines/convert/convert_plan.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace chitu::pipelines {
namespace {

/// The place of a weight in a run, and how it computes.
struct Use {
  std::int64_t order = 0;
  memory::Precision precision = memory::Precision::follow;
  bool is_layer_matrix = false;
};

/// By name. First what is outside the layers, then layer after layer.
std::map<std::string, Use> uses_of(memory::Module& module) {
  std::map<std::string, Use> uses;
  std::int64_t order = 0;
  const auto add = [&](const std::string& name, const memory::Parameter& parameter, bool layer) {
    const bool matrix =
        layer && parameter.cast_for_use && parameter.precision == memory::Precision::follow;
    uses[name] = {order++, parameter.precision, matrix};
    if (!parameter.overriding_name.empty()) uses[parameter.overriding_name] = uses[name];
  };
  module.visit_parameters(
      [&](const std::string& name, memory::Parameter& parameter) { add(name, parameter, false); });
  for (const auto& [layer, child] : module.layers())
    child->visit_parameters([&](const std::string& name, memory::Parameter& parameter) {
      add(layer + "." + name, parameter, true);
    });
  return uses;
}

ConvertedTensor converted(const io::TensorInfo& info, const std::string& name, const Use* use,
                          memory::Role role, c10::ScalarType dtype) {
  const auto kept = info.dtype;  // float32 if encoded
  const bool keeps = !at::isFloatingType(info.dtype) || role == memory::Role::vae ||
                     (use && use->precision == memory::Precision::float32);
  if (keeps) return {name, {name, kept, info.shape}};
  if (dtype != at::kFloat8_e4m3fn) return {name, {name, dtype, info.shape}};
  if (use && use->is_layer_matrix) return {name, {name, dtype, info.shape}, true};
  return {name, {name, at::kBFloat16, info.shape}};
}

}  // namespace

std::vector<io::TensorOutline> ConvertPlan::outlines() const {
  std::vector<io::TensorOutline> all;
  for (const ConvertedTensor& tensor : tensors) {
    all.push_back(tensor.out);
    if (!tensor.is_scaled) continue;
    const std::string layer = tensor.out.name.substr(0, tensor.out.name.rfind('.'));
    all.push_back({layer + ".scale_weight", at::kFloat, {}});
  }
  return all;
}

ConvertPlan plan_conversion(const ComponentFiles& files, memory::Module& module,
                            c10::ScalarType dtype, ConvertLayout layout) {
  const auto uses = uses_of(module);
  std::vector<std::pair<std::int64_t, ConvertedTensor>> ordered;
  bool scaled = false;
  for (const std::string& name : files.weights->names()) {
    const auto use = uses.find(name);
    const bool known = use != uses.end();
    const std::int64_t order = layout == ConvertLayout::stored ? 0
                               : known                         ? use->second.order
                                       : std::numeric_limits<std::int64_t>::max();
    ordered.emplace_back(order,
                         converted(files.weights->info(name), name, known ? &use->second : nullptr,
                                   files.description.role, dtype));
    scaled = scaled || ordered.back().second.is_scaled;
  }
  std::ranges::stable_sort(ordered, {}, [](const auto& entry) { return entry.first; });
  ConvertPlan plan;
  for (auto& [order, tensor] : ordered) plan.tensors.push_back(std::move(tensor));
  if (scaled) plan.tensors.push_back({"", {"scaled_fp8", at::kFloat8_e4m3fn, {0}}});
  return plan;
}

}  // namespace chitu::pipelines
