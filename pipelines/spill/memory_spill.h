#pragma once

#include <cstddef>
#include <map>
#include <utility>

#include "pipelines/spill/spill.h"

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

/// For a rank beside the first one, which has the latents on disk: all else waits in memory.
class RankSpill final : public Spill {
 public:
  /// last_leg  whose values are the latents
  explicit RankSpill(std::size_t last_leg) : last_leg_(last_leg) {}
  void put(std::size_t item, std::size_t leg, const graph::StoredValue& values) override {
    if (leg != last_leg_) memory_.put(item, leg, values);
  }
  graph::StoredValue get(std::size_t item, std::size_t leg) override {
    return memory_.get(item, leg);
  }
  void remove(std::size_t item, std::size_t leg) override { memory_.remove(item, leg); }

 private:
  MemorySpill memory_;
  std::size_t last_leg_;
};

}  // namespace chitu::pipelines
