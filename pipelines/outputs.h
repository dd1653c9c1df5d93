#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// Checks everything that a run is going to write, before it begins: that folders and files can be
/// written, that nothing of another kind has their names, and that no two outputs, nor an output
/// and the checkpoint, are in each other's way.
///
/// output   without a folder, the dump alone is checked
/// dump     of debug.dump_tensors; empty = none
/// returns  the file that the dump goes to, behind all links; empty without one
/// throws   InputError naming the key
std::filesystem::path check_outputs(const Request& request, const Output& output,
                                    const std::filesystem::path& dump,
                                    const std::filesystem::path& ckpt_dir);

/// The part of it that is about output.format: a PNG holds one frame.
void check_formats(std::int64_t num_frames, const std::vector<OutputFormat>& formats);

/// The part of it that is about the names of the media: that the file system takes them, and
/// nothing of another kind has them.
void check_media_places(const Output& output);

/// The part of it that is about debug.dump_tensors and the checkpoint.
std::filesystem::path check_dump(const std::filesystem::path& dump,
                                 const std::filesystem::path& ckpt_dir,
                                 const std::filesystem::path& output_dir);

}  // namespace chitu::pipelines
