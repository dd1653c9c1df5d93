#include "pipelines/output/outputs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/output_path.h"
#include "pipelines/output/media_names.h"

namespace chitu::pipelines {
namespace fs = std::filesystem;

namespace {

void check_media(const Output& output) {
  const std::string given = "output.dir=" + output.dir.string();
  if (const auto problem = folder_problem(output.dir)) throw InputError(given + ": " + *problem);
  check_output_folder(given, output.dir);
  check_media_places(output);
}

std::string given_dump(const fs::path& dump) { return "debug.dump_tensors=" + dump.string(); }

}  // namespace

void check_formats(std::int64_t num_frames, const std::vector<OutputFormat>& formats) {
  if (formats.empty()) throw InputError("output.format: expected one format or more, got none");
  const bool pictures =
      std::find(formats.begin(), formats.end(), OutputFormat::png) != formats.end();
  if (pictures && num_frames > 1)
    throw InputError(
        fmt::format("output.format=png: holds one picture, but request.num_frames is {}; expected "
                    "mp4, gif or frames",
                    num_frames));
}

void check_media_places(const Output& output) {
  const long longest = ::pathconf(output.dir.c_str(), _PC_NAME_MAX);
  check_media_names(output, longest > 0 ? static_cast<std::size_t>(longest) : kLongestName);
  for (const MediaName& media : media_names(output))
    check_kind(output.dir / media.name, media.is_folder);
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
  if (saves) check_formats(request.num_frames, output.formats);
  if (saves) check_media(output);
  if (dump.empty()) return {};
  for (const MediaName& media : media_names(output))
    if (saves && lies_in(dump, output.dir / media.name))
      throw InputError(given_dump(dump) + ": is where the media go, expected another file");
  return check_dump(dump, ckpt_dir, output.dir);
}

}  // namespace chitu::pipelines
