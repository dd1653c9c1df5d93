#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "chitu_core/io/checkpoint.h"

namespace chitu::pipelines {

/// A sum over every byte of a checkpoint's files, whatever they are called and wherever they are.
///
/// Reading them all takes a while (11 GB: about 10 s of a fast drive, more where it or the
/// processor is slow), so each file's sum is kept in `memory`, under what the system knows the file
/// by (device, inode, size, the times of its last write and of its last change), its header and
/// samples of its tensors. The time of change is the system's own; no archive, copy or `touch` sets
/// it. Where it has no fraction of a second, as images of file systems made to be alike have it,
/// nothing is taken from memory. Nor is a sum kept whose file changed less than two seconds ago.
///
/// between  called now and then while files are read; what it throws ends the work
/// throws   Error when a file cannot be read
std::string weights_fingerprint(const io::Checkpoint& checkpoint,
                                const std::filesystem::path& memory,
                                const std::function<void()>& between);

}  // namespace chitu::pipelines
