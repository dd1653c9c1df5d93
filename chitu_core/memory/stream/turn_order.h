#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace chitu::memory {

/// Which of some items comes in which turn. Without any range, turns are cyclic: turn t is item t
/// modulo their number. Else they are what append() has added.
///
/// Threads may look up turns that are announced while another one appends further turns: nothing
/// moves, as restart() sets aside all room. Not for restart() meanwhile.
class TurnOrder {
 public:
  explicit TurnOrder(std::int64_t items = 0) : items_(items) {}

  /// Cyclic again, with so many turns.
  void restart_cyclic(std::int64_t turns);
  /// Forgets all turns; at most `most` follow.
  void restart(std::int64_t most);
  /// Appends the items first, ... last - 1. Throws Error beyond the room that was set aside.
  void append(std::int64_t first, std::int64_t last);

  std::int64_t turns() const { return turns_; }
  std::size_t item(std::int64_t turn) const {
    return static_cast<std::size_t>(listed_ ? listed_[turn] : turn % items_);
  }

 private:
  std::int64_t items_;
  std::int64_t turns_ = 0;
  std::int64_t room_ = 0;
  std::unique_ptr<std::int32_t[]> listed_;  ///< null = cyclic
};

}  // namespace chitu::memory
