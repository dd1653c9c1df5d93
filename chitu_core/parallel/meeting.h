#pragma once

#include <chrono>
#include <memory>

#include "chitu_core/parallel/launch.h"

namespace chitu::parallel {

class Store;

/// The store of a group of ranks, which all of them have reached.
///
/// launch  the whole one. Where it has several groups, their first ranks serve a store for each, so
///         that no group depends on another's end
/// group   of this rank; its address and port become those of its store
/// throws  InputError or Error naming the ranks that have not come within the limit, or where
///         rank 0 is not
std::unique_ptr<Store> meet(const Launch& launch, Launch& group, std::chrono::milliseconds limit);

}  // namespace chitu::parallel
