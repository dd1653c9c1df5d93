#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tools/chitu/batch/batch_work.h"

namespace chitu::tools {

/// A job that is not done, by its place among those of the shard, and what is left to do for it.
struct OpenJob {
  std::size_t place = 0;
  JobWork work;
};

/// For the other ranks of a batch, which open no files: one text, and back. Reasons and the places
/// of latents stay with the first rank.
std::string to_text(const std::vector<OpenJob>& jobs);
std::vector<OpenJob> open_jobs_from(const std::string& text);

/// The same for the places of jobs.
std::string places_text(const std::vector<std::size_t>& places);
std::vector<std::size_t> places_from(const std::string& text);

}  // namespace chitu::tools
