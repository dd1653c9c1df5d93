#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "chitu_core/memory/role.h"

namespace chitu::config {
class Binder;
}

namespace chitu::memory {

struct ComponentPlan;

/// Where weights are, from far to near.
enum class Place {
  disk,    ///< in the checkpoint's files
  cpu,     ///< in host memory
  device,  ///< where they compute
};
constexpr auto config_names(Place) {
  return std::array{std::pair{"disk", Place::disk}, std::pair{"cpu", Place::cpu},
                    std::pair{"device", Place::device}};
}

/// A dtype in which weights are stored or computed.
enum class StateDtype { float32, bfloat16, float16, float8_e4m3fn, float8_e5m2 };
constexpr auto config_names(StateDtype) {
  return std::array{std::pair{"float32", StateDtype::float32},
                    std::pair{"bfloat16", StateDtype::bfloat16},
                    std::pair{"float16", StateDtype::float16},
                    std::pair{"float8_e4m3fn", StateDtype::float8_e4m3fn},
                    std::pair{"float8_e5m2", StateDtype::float8_e5m2}};
}

/// One of a component's four states; an empty field follows the level.
struct WeightState {
  std::optional<Place> device{};
  std::optional<StateDtype> dtype{};
  bool operator==(const WeightState&) const = default;
  void bind(config::Binder& binder);
};

/// The four states of a component's weights, as DiffSynth-Studio names them.
struct ComponentStates {
  WeightState offload{};      ///< no stage that uses the component runs
  WeightState onload{};       ///< its stage runs
  WeightState preparing{};    ///< a layer that was fetched ahead
  WeightState computation{};  ///< in the operator
  bool operator==(const ComponentStates&) const = default;
  void bind(config::Binder& binder);
};

/// The group memory: the states of the components of each role.
struct RoleStates {
  std::array<ComponentStates, kRoles> of_role{};
  ComponentStates& operator[](Role role) { return of_role.at(static_cast<std::size_t>(role)); }
  const ComponentStates& operator[](Role role) const {
    return of_role.at(static_cast<std::size_t>(role));
  }
  bool operator==(const RoleStates&) const = default;
  void bind(config::Binder& binder);
};

/// Writes the states into the plan of a component of this role.
///
/// throws  InputError naming the keys below `memory.<role>` that contradict each other, and the
///         expected values
void apply_states(Role role, const ComponentStates& states, ComponentPlan& plan);

}  // namespace chitu::memory
