#pragma once

#include <functional>
#include <string>

#include "chitu_core/io/safetensors.h"

namespace chitu::io {

/// A sum over every byte of the file: the SHA-256 of the SHA-256 sums of its pieces, which several
/// threads make. Some 0.3 GB a second and core, or as fast as the disk reads.
///
/// between  called now and then; what it throws ends the work
std::string content_sum(const SafetensorsFile& file, const std::function<void()>& between);

/// A sum over the header and a few samples of every tensor: tells most files apart in milliseconds,
/// but not two that differ in a number that no sample holds.
std::string sampled_sum(const SafetensorsFile& file);

}  // namespace chitu::io
