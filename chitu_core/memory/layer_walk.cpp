#include "chitu_core/memory/layer_walk.h"

#include <algorithm>

namespace chitu::memory {

device::DryRunRepeats::Kind LayerWalk::kind_of(const Module& layer,
                                               device::DryRunRepeats::Kind state) {
  if (!device::in_dry_run()) return state;
  const auto first = std::find_if(unlike_.begin(), unlike_.end(),
                                  [&](const Module* known) { return known->is_like(layer); });
  state.push_back(first - unlike_.begin());
  if (first == unlike_.end()) unlike_.push_back(&layer);
  state.push_back(index_ == 0 ? 1 : 0);  // its input may have another memory layout
  return state;
}

}  // namespace chitu::memory
