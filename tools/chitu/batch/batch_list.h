#pragma once

#include <optional>
#include <string>

#include "tools/chitu/batch/batch_call.h"
#include "tools/chitu/compose_flags.h"

namespace chitu::tools {

/// Reads, expands and composes a list of jobs. Keys that the command line sets win over the list.
///
/// path     a file, or - for standard input
/// format   as --list-format names it; empty = by the name of the file
/// request  what the batch composes
/// throws   InputError with the place in the list: what the list is wrong about, keys that a job
///          does not have or may not set, and jobs without a prompt
BatchList compose_batch(const std::string& path, const std::optional<std::string>& format,
                        const config::ComposeRequest& request);

/// The words of a command line that are not overrides, removed from `overrides`. An override has an
/// equals sign or begins with ~; a path that has an equals sign begins with /, ./ or ../.
std::vector<std::string> take_paths(std::vector<std::string>& overrides);

}  // namespace chitu::tools
