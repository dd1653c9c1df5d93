#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// Checks every output of a run before it begins: folders and files are writable, nothing of
/// another kind has their names, and no output overlaps another one or the checkpoint.
///
/// output   without a folder, only the dump is checked
/// dump     of debug.dump_tensors; empty = none
/// returns  the file of the dump, with all links resolved; empty without a dump
/// throws   InputError naming the key
std::filesystem::path check_outputs(const Request& request, const Output& output,
                                    const std::filesystem::path& dump,
                                    const std::filesystem::path& ckpt_dir);

/// The part of the check for output.format: a PNG holds one frame.
void check_formats(std::int64_t num_frames, const std::vector<OutputFormat>& formats);

/// The part of the check for the names of the media: the file system takes them, and nothing of
/// another kind has them.
void check_media_places(const Output& output);

/// The part of the check for debug.dump_tensors and the checkpoint.
std::filesystem::path check_dump(const std::filesystem::path& dump,
                                 const std::filesystem::path& ckpt_dir,
                                 const std::filesystem::path& output_dir);

}  // namespace chitu::pipelines
