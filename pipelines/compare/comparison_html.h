#pragma once

#include <string>

#include "pipelines/compare/comparison.h"

namespace chitu::pipelines {

/// A page that needs no other file: verdict, the frames that differ most beside each other, the
/// stages, and the memory of both runs over each other.
std::string to_html(const Comparison& comparison);

}  // namespace chitu::pipelines
