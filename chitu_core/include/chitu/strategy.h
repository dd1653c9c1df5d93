#pragma once

#include "chitu_core/common/registry.h"
#include "chitu_core/memory/plan.h"
#include "chitu_core/memory/strategy.h"

namespace chitu {

/// A memory strategy: edits the memory plan. Register it with
///
///     CHITU_REGISTER(chitu::Strategy, SmallTiles, "small_tiles");
///
/// in a .cpp of the program; infer.strategies=[small_tiles] or
/// EngineOptions::memory.strategies applies it.
using memory::Strategy;

using memory::ComponentPlan;
using memory::MemoryConfig;
using memory::MemoryPlan;
using memory::Residency;
using memory::Role;
using memory::Saving;
using memory::VaeTiling;

}  // namespace chitu
