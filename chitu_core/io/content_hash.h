#pragma once

#include <functional>
#include <string>

#include "chitu_core/io/tensor_file.h"

namespace chitu::io {

/// A hash of every byte of the file: the SHA-256 of the SHA-256 sums of its pieces, computed by
/// several threads. About 0.3 GB per second and core, or the disk's speed.
///
/// between  called from time to time; what it throws ends the work
std::string content_sum(const TensorFile& file, const std::function<void()>& between);

/// A hash of the header and a few samples of every tensor. Distinguishes most files in
/// milliseconds, but not two that differ only outside the samples.
std::string sampled_sum(const TensorFile& file);

}  // namespace chitu::io
