#include "pipelines/spill/memory_spill.h"

namespace chitu::pipelines {

void MemorySpill::put(std::size_t item, std::size_t leg, const graph::StoredValue& values) {
  values_[{item, leg}] = values_on_host(values);
}

}  // namespace chitu::pipelines
