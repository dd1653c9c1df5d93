#pragma once

#include <cstddef>
#include <map>
#include <utility>

#include "pipelines/batch/spill.h"

namespace chitu::pipelines {

/// Waiting values in memory of the host.
class MemorySpill final : public Spill {
 public:
  void put(std::size_t item, std::size_t leg, const graph::StoredValue& values) override;
  graph::StoredValue get(std::size_t item, std::size_t leg) override {
    return values_.at({item, leg});
  }
  void remove(std::size_t item, std::size_t leg) override { values_.erase({item, leg}); }

 private:
  std::map<std::pair<std::size_t, std::size_t>, graph::StoredValue> values_;
};

}  // namespace chitu::pipelines
