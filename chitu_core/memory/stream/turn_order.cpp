#include "chitu_core/memory/stream/turn_order.h"

#include "chitu_core/common/error.h"

namespace chitu::memory {

void TurnOrder::restart_cyclic(std::int64_t turns) {
  listed_.reset();
  turns_ = turns;
}

void TurnOrder::restart(std::int64_t most) {
  listed_ = std::make_unique<std::int32_t[]>(static_cast<std::size_t>(most));
  room_ = most;
  turns_ = 0;
}

void TurnOrder::append(std::int64_t first, std::int64_t last) {
  if (!listed_ || turns_ + last - first > room_)
    throw Error("more layers were announced to the stream of weights than it has turns for");
  for (std::int64_t item = first; item < last; ++item)
    listed_[turns_++] = static_cast<std::int32_t>(item);
}

}  // namespace chitu::memory
