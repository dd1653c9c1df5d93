#include "chitu_core/memory/states.h"

#include <fmt/format.h>

#include <string_view>

#include "chitu_core/common/error.h"
#include "chitu_core/config/bind/binder.h"
#include "chitu_core/memory/plan.h"

namespace chitu::memory {
namespace {

using config::name_of;

at::ScalarType scalar_type(StateDtype dtype) {
  switch (dtype) {
    case StateDtype::float32:
      return at::kFloat;
    case StateDtype::bfloat16:
      return at::kBFloat16;
    case StateDtype::float16:
      return at::kHalf;
    case StateDtype::float8_e4m3fn:
      return at::kFloat8_e4m3fn;
    case StateDtype::float8_e5m2:
      return at::kFloat8_e5m2;
  }
  return at::kFloat;
}

[[noreturn]] void refuse(Role role, std::string_view key, std::string_view value,
                         const std::string& expected) {
  throw InputError(
      fmt::format("memory.{}.{}={}: expected {}", to_string(role), key, value, expected));
}

void check_places(Role role, const ComponentStates& states) {
  if (states.computation.device && *states.computation.device != Place::device)
    refuse(role, "computation.device", name_of(*states.computation.device),
           role == Role::text_encoder ? "device; infer.text_encoder_device=cpu computes on the CPU"
                                      : "device");
  if (states.preparing.device && *states.preparing.device != Place::device)
    refuse(role, "preparing.device", name_of(*states.preparing.device), "device");
  if (states.offload.device && states.onload.device &&
      *states.onload.device < *states.offload.device)
    refuse(role, "onload.device", name_of(*states.onload.device),
           fmt::format("{} or nearer, as memory.{}.offload.device says",
                       name_of(*states.offload.device), to_string(role)));
}

/// The dtype in which weights are stored; one for offload, onload and preparing.
std::optional<at::ScalarType> stored_dtype(Role role, const ComponentStates& states) {
  std::optional<StateDtype> found;
  const std::pair<const char*, const WeightState*> stored[] = {
      {"offload.dtype", &states.offload},
      {"onload.dtype", &states.onload},
      {"preparing.dtype", &states.preparing}};
  for (const auto& [key, state] : stored) {
    if (!state->dtype) continue;
    if (found && *found != *state->dtype)
      refuse(role, key, name_of(*state->dtype),
             fmt::format("{}: weights are stored in one dtype from offload to preparing",
                         name_of(*found)));
    found = state->dtype;
  }
  return found ? std::optional(scalar_type(*found)) : std::nullopt;
}

void apply_places(const ComponentStates& states, ComponentPlan& plan) {
  const auto at = [](const WeightState& state, Place place) { return state.device == place; };
  if (at(states.offload, Place::device))
    plan.residency = Residency::resident;
  else if (at(states.onload, Place::device))
    plan.residency = Residency::offloaded;
  else if (states.onload.device)
    plan.residency = Residency::streamed;
  else if (states.offload.device && plan.residency == Residency::resident)
    plan.residency = Residency::offloaded;
  plan.rests_on_host = at(states.offload, Place::cpu) || at(states.onload, Place::cpu);
}

std::string_view weights_of(Role role) {
  switch (role) {
    case Role::text_encoder:
      return "weights of the text encoder";
    case Role::transformer:
      return "weights of the transformer";
    case Role::vae:
      return "weights of the VAE";
  }
  return "";
}

}  // namespace

void WeightState::bind(config::Binder& b) {
  b.field("device", device, "disk, cpu or device (where it computes); null: as the level says");
  b.field("dtype", dtype, "null: the compute dtype");
}

void ComponentStates::bind(config::Binder& b) {
  b.field("offload", offload, "while no stage uses the component");
  b.field("onload", onload, "while its stage runs; disk or cpu: streamed layer by layer");
  b.field("preparing", preparing, "layers that are fetched ahead");
  b.field("computation", computation, "in the operators");
}

void RoleStates::bind(config::Binder& b) {
  for (const auto& [key, role] : config_names(Role()))
    b.field(key, (*this)[role], weights_of(role));
}

void apply_states(Role role, const ComponentStates& states, ComponentPlan& plan) {
  check_places(role, states);
  apply_places(states, plan);
  if (states.computation.dtype) {
    const at::ScalarType dtype = scalar_type(*states.computation.dtype);
    if (c10::isFloat8Type(dtype))
      refuse(role, "computation.dtype", name_of(*states.computation.dtype),
             "float32, bfloat16 or float16");
    plan.dtype = dtype;
  }
  const auto stored = stored_dtype(role, states);
  if (!stored || *stored == plan.dtype) return;
  if (!c10::isFloat8Type(*stored))
    refuse(role, "offload.dtype", c10::toString(*stored),
           "the dtype that it computes in, float8_e4m3fn or float8_e5m2");
  plan.stored = stored;
}

}  // namespace chitu::memory
