#include "pipelines/outputs.h"

#include <fmt/format.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/output_path.h"
#include "pipelines/stages/save_frames.h"

namespace chitu::pipelines {
namespace fs = std::filesystem;

namespace {

/// A file replaces a file or a link, the folder of frames only a folder.
void check_place(const fs::path& path, bool is_folder) {
  std::error_code error;
  const auto there = fs::symlink_status(path, error);
  if (!fs::exists(there) || fs::is_directory(there) == is_folder) return;
  throw InputError(path.string() + (is_folder ? ": is not a folder, and the run makes one there"
                                              : ": is a folder, and the run writes a file there"));
}

void check_media(const Output& output) {
  const std::string given = "output.dir=" + output.dir.string();
  if (const auto problem = folder_problem(output.dir)) throw InputError(given + ": " + *problem);
  check_output_folder(given, output.dir);
  check_media_places(output);
}

std::string given_dump(const fs::path& dump) { return "debug.dump_tensors=" + dump.string(); }

}  // namespace

void check_format(std::int64_t num_frames, OutputFormat format) {
  if (format == OutputFormat::png && num_frames > 1)
    throw InputError(
        fmt::format("output.format=png: holds one picture, but request.num_frames is {}; expected "
                    "mp4, gif or frames",
                    num_frames));
}

void check_media_places(const Output& output) {
  for (const std::string& name : media_names(output))
    check_place(output.dir / name, name == kFramesFolder);
}

fs::path check_dump(const fs::path& dump, const fs::path& ckpt_dir, const fs::path& output_dir) {
  const fs::path file = check_output_file(given_dump(dump), dump);
  const bool in_output = !output_dir.empty() && lies_in(file, output_dir);
  if (lies_in(file, ckpt_dir) && !in_output)
    throw InputError(given_dump(dump) + ": lies in the checkpoint folder " + ckpt_dir.string() +
                     ", expected a file outside it");
  return file;
}

fs::path check_outputs(const Request& request, const Output& output, const fs::path& dump,
                       const fs::path& ckpt_dir) {
  const bool saves = !output.dir.empty();
  if (saves) check_format(request.num_frames, output.format);
  if (saves) check_media(output);
  if (dump.empty()) return {};
  for (const std::string& name : media_names(output))
    if (saves && lies_in(dump, output.dir / name))
      throw InputError(given_dump(dump) + ": is where the media go, expected another file");
  return check_dump(dump, ckpt_dir, output.dir);
}

}  // namespace chitu::pipelines
