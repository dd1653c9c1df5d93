#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// Whether two requests can pass through the models together: they have latents of one shape, the
/// same steps, and as many prompts of the same length. Prompts, seeds and the strength of guidance
/// may differ.
bool are_alike(const Request& a, const Request& b);

/// Cuts requests into groups of at most `size` that are alike, in the order of their first ones.
///
/// members  indices of requests
std::vector<std::vector<std::size_t>> alike_groups(const std::vector<Request>& requests,
                                                   const std::vector<std::size_t>& members,
                                                   std::int64_t size);

}  // namespace chitu::pipelines
