#include "chitu_core/memory/stream/buffer_ring.h"

namespace chitu::memory {

void BufferRing::restart(std::int64_t turns) {
  for (Buffer& buffer : buffers_) buffer.ready = false;
  filled_ = emptied_ = 0;
  turns_ = turns;
}

void BufferRing::set_filled(std::int64_t turn) {
  Buffer& buffer = of(turn);
  buffer.turn = turn;
  buffer.ready = true;
  ++filled_;
}

void BufferRing::set_emptied() {
  next_to_empty().ready = false;
  ++emptied_;
}

}  // namespace chitu::memory
