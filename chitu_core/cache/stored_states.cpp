#include "chitu_core/cache/stored_states.h"

#include <ATen/ATen.h>

#include <utility>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/dry_run_repeats.h"
#include "chitu_core/device/traffic.h"

namespace chitu::cache {

void StoredStates::put(at::Tensor states) {
  device_ = states.device();
  kept_ = parked_ ? device::move_to(states, device::host()) : std::move(states);
}

at::Tensor StoredStates::get() const { return device::move_to(kept_, device_); }

at::Tensor StoredStates::take() {
  at::Tensor states = get();
  kept_.reset();
  return states;
}

StoredStates StoredStates::dry_run_twin() const {
  StoredStates twin = *this;
  twin.kept_ = device::dry_run_twin(kept_);
  return twin;
}

}  // namespace chitu::cache
