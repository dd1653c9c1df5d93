#pragma once

#include <filesystem>
#include <vector>

#include "tools/chitu/batch/summary.h"

namespace chitu::tools {

/// The folders with a summary that a path stands for: itself, or else the folders of shards in it.
///
/// throws  InputError when there is none
std::vector<std::filesystem::path> summary_folders(const std::filesystem::path& path);

/// Joins the summaries of shards, in the order of the jobs. Files become relative to `target`.
///
/// throws  InputError when a summary cannot be read, and when two have the same job
Summary merge_summaries(const std::vector<std::filesystem::path>& folders,
                        const std::filesystem::path& target);

}  // namespace chitu::tools
