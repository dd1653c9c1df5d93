#include "pipelines/forecast/plan_json.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <type_traits>

#include "pipelines/forecast/forecast_words.h"
#include "pipelines/model/device_choices.h"

namespace chitu::pipelines {
namespace {

std::string_view rests_on(const memory::ComponentPlan& plan) {
  if (plan.residency == memory::Residency::resident) return "device";
  return plan.rests_on_host ? "cpu" : "disk";
}

nlohmann::ordered_json component_json(const memory::ComponentPlan& plan) {
  return {{"residency", memory::to_string(plan.residency)},
          {"device", plan.device.str()},
          {"dtype", dtype_name(plan.dtype)},
          {"stored_dtype", state_name(plan.stored.value_or(plan.dtype))},
          {"resident_layers", plan.resident_layers},
          {"rests_on", rests_on(plan)}};
}

template <class T>
nlohmann::ordered_json entry_json(const T& entry) {
  if constexpr (std::is_enum_v<T>)
    return memory::to_string(entry);
  else
    return entry;
}

}  // namespace

nlohmann::ordered_json to_json(const memory::MemoryPlan& plan) {
  nlohmann::ordered_json json{{"low_mem_level", plan.low_mem_level},
                              {"strategies", plan.strategies}};
  for (const auto& component : plan.components)
    json[component.name] = component_json(component.plan);
  memory::visit_entries(
      [&](const memory::EntryInfo& info, const auto& entry) {
        json[std::string(info.name)] = entry_json(entry);
      },
      plan);
  return json;
}

nlohmann::json to_json(const PlanChoice& choice) {
  using nlohmann::json;
  json rejected = json::array();
  for (const auto& level : choice.rejected)
    rejected.push_back({{"low_mem_level", level.low_mem_level},
                        {"needed_bytes", level.needed_bytes},
                        {"needed_host_bytes", level.needed_host_bytes}});
  json text{{"budget", choice.budget.source},
            {"budget_bytes", choice.budget.bytes ? json(*choice.budget.bytes) : json()},
            {"needed_bytes", choice.needed_bytes},
            {"needed_host_bytes", choice.needed_host_bytes},
            {"rejected", rejected}};
  if (choice.budget.host_bytes) text["host_budget_bytes"] = *choice.budget.host_bytes;
  for (const auto& [level, least_s] : choice.predicted) {
    text["predicted"].push_back({{"low_mem_level", level}, {"least_seconds", least_s}});
    if (level == choice.forecast.plan.low_mem_level) text["predicted_least_seconds"] = least_s;
  }
  return text;
}

nlohmann::json to_json(const Overrun& overrun) {
  return {{"limit", overrun.source},
          {"limit_bytes", overrun.limit_bytes},
          {"peak_bytes", overrun.peak_bytes}};
}

}  // namespace chitu::pipelines
