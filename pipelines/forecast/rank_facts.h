#pragma once

#include "pipelines/forecast/memory_budget.h"

namespace chitu::parallel {
class Communicator;
}

namespace chitu::pipelines {

/// What is known of the memory of the rank that has least of it, on all ranks. Every rank calls it
/// at the same time.
MemoryFacts facts_of_ranks(MemoryFacts mine, parallel::Communicator& ranks);

}  // namespace chitu::pipelines
