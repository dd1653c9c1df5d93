#pragma once

#include <string>

#include "chitu_core/parallel/launch.h"
#include "chitu_core/parallel/options.h"

namespace chitu::parallel {

/// Checks that the degrees fit each other, whatever the launch.
///
/// throws  InputError naming the key, and the values that work
void check_degrees(const ParallelOptions& options);

/// Checks that the launch has started as many ranks as the options ask for.
///
/// command  of this process, to type again behind a launcher
/// throws   InputError with the nearest sizes that work
void check_world(const ParallelOptions& options, const Launch& launch, const std::string& command);

/// The same where several groups of ranks may be at work, each on a part: the launch has a multiple
/// of the ranks that the options ask for.
void check_groups_of_ranks(const ParallelOptions& options, const Launch& launch,
                           const std::string& command);

/// Checks that options for several ranks come with their groups.
///
/// throws  InputError with what has them
void check_groups(const ParallelOptions& options);

}  // namespace chitu::parallel
