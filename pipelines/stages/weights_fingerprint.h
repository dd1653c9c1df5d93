#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "chitu_core/io/checkpoint.h"

namespace chitu::pipelines {

/// A checksum over every byte of a checkpoint's files, independent of their names and locations.
///
/// Reading all files takes a while (11 GB: about 10 s from a fast drive, more if the drive or the
/// processor is slow). So the checksum of each file is kept in the folder `memory`, with the file's
/// identity: device, inode, size, times of last write and last change, its header, and samples of
/// its tensors. The time of change is set only by the system; no archive, copy or `touch` sets it.
/// If it has no fraction of a second, as in reproducible file system images, no kept checksum is
/// used. The checksum of a file that changed less than two seconds ago is not kept.
///
/// between  called regularly while files are read; an exception from it ends the work
/// throws   Error if a file cannot be read
std::string weights_fingerprint(const io::Checkpoint& checkpoint,
                                const std::filesystem::path& memory,
                                const std::function<void()>& between);

}  // namespace chitu::pipelines
