#include "pipelines/forecast/rank_facts.h"

#include <algorithm>
#include <vector>

#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/texts.h"

namespace chitu::pipelines {

MemoryFacts facts_of_ranks(MemoryFacts mine, parallel::Communicator& ranks) {
  const device::MemoryRoom room = mine.room.value_or(device::MemoryRoom{});
  const auto of_ranks =
      parallel::gather_numbers(ranks, {room.free_bytes, room.total_bytes, mine.host_total_bytes,
                                       mine.process_bytes, mine.library_bytes});
  const auto least = [&](std::size_t fact) {
    return std::ranges::min(of_ranks, {}, [&](const auto& facts) { return facts[fact]; })[fact];
  };
  const auto most = [&](std::size_t fact) {
    return std::ranges::max(of_ranks, {}, [&](const auto& facts) { return facts[fact]; })[fact];
  };
  if (mine.room) {
    mine.room->free_bytes = least(0);
    mine.room->total_bytes = least(1);
  }
  mine.host_total_bytes = least(2);
  mine.process_bytes = most(3);
  mine.library_bytes = most(4);
  return mine;
}

}  // namespace chitu::pipelines
