#include "pipelines/stages/save_frames.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/common/temporary.h"
#include "chitu_core/graph/frames_observer.h"
#include "chitu_core/io/contact_sheet.h"
#include "chitu_core/io/png.h"
#include "chitu_core/io/video.h"

namespace chitu::pipelines {
namespace fs = std::filesystem;

namespace {

constexpr const char* kVideo = "video.mp4";
constexpr const char* kGif = "video.gif";
constexpr const char* kImage = "image.png";
constexpr const char* kContactSheet = "contact_sheet.png";

fs::path save_video(const at::Tensor& frames, const Job& job, io::VideoFormat format,
                    const fs::path& file, graph::Context& context) {
  io::VideoOptions options;
  options.height_px = frames.size(1);
  options.width_px = frames.size(2);
  options.frames_per_second = static_cast<double>(job.request.fps);
  options.format = format;
  io::VideoWriter writer(file, options);
  for (std::int64_t i = 0; i < frames.size(0); ++i) {
    context.check_stop();
    writer.add(frames[i]);
  }
  writer.finish();
  return file;
}

bool holds_frames_alone(const fs::path& folder) {
  return std::all_of(fs::directory_iterator(folder), fs::directory_iterator(),
                     [](const auto& at) { return is_frame_name(at.path().filename().string()); });
}

/// Replaces the frames in a folder that also holds files of the user's, which stay.
void replace_frames(const fs::path& made, const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (is_frame_name(entry.path().filename().string())) fs::remove(entry.path());
  for (const auto& entry : fs::directory_iterator(made))
    fs::rename(entry.path(), folder / entry.path().filename());
}

/// Gives the folder its name, in place of an earlier run's.
void commit_folder(TemporaryName& made) {
  const fs::path& folder = made.target();
  if (!fs::exists(folder)) return made.commit();
  if (!holds_frames_alone(folder)) return replace_frames(made.temporary(), folder);
  const TemporaryName earlier(folder, TemporaryName::Kind::folder);
  fs::rename(folder, earlier.temporary());
  made.commit();
}

/// A folder that gets its name when every picture in it is whole.
fs::path save_pictures(const at::Tensor& frames, const fs::path& folder, graph::Context& context) {
  TemporaryName made(folder, TemporaryName::Kind::folder);
  for (std::int64_t i = 0; i < frames.size(0); ++i) {
    context.check_stop();
    io::write_png(made.temporary() / fmt::format("frame_{:04}.png", i), frames[i]);
  }
  commit_folder(made);
  return folder;
}

fs::path save_image(const at::Tensor& frames, const fs::path& file) {
  if (frames.size(0) != 1)
    throw InputError(fmt::format("output.format=png: holds one picture, got {}", frames.size(0)));
  io::write_png(file, frames[0]);
  return file;
}

const char* media_name(OutputFormat format) {
  switch (format) {
    case OutputFormat::mp4:
      return kVideo;
    case OutputFormat::gif:
      return kGif;
    case OutputFormat::png:
      return kImage;
    case OutputFormat::frames:
      return kFramesFolder;
  }
  return "";
}

fs::path save_media(const at::Tensor& frames, const Job& job, graph::Context& context) {
  const fs::path path = job.output.dir / media_name(job.output.format);
  switch (job.output.format) {
    case OutputFormat::mp4:
      return save_video(frames, job, io::VideoFormat::mp4, path, context);
    case OutputFormat::gif:
      return save_video(frames, job, io::VideoFormat::gif, path, context);
    case OutputFormat::png:
      return save_image(frames, path);
    case OutputFormat::frames:
      return save_pictures(frames, path, context);
  }
  return path;
}

void show(const at::Tensor& frames, const graph::Context& context) {
  context.tell([&](graph::Observer& observer) {
    if (auto* wants = dynamic_cast<graph::FramesObserver*>(&observer)) wants->frames_made(frames);
  });
}

}  // namespace

graph::SavedFiles SaveFrames::run(const graph::Frames& input, const Job& job,
                                  graph::Context& context) const {
  const auto& output = job.output;
  show(input.frames, context);
  if (output.dir.empty()) return {};  // what the run is for is a dump or an observer
  graph::SavedFiles saved{{save_media(input.frames, job, context)}};
  if (output.contact_sheet)
    context.write_aside("output.contact_sheet", [&] {
      io::write_png(output.dir / kContactSheet, io::contact_sheet(input.frames));
      saved.paths.push_back(output.dir / kContactSheet);
    });
  return saved;
}

std::vector<std::string> media_names(const Output& output) {
  std::vector<std::string> names{media_name(output.format)};
  if (output.contact_sheet) names.emplace_back(kContactSheet);
  return names;
}

bool is_frame_name(std::string_view name) {
  constexpr std::string_view kBegin = "frame_", kEnd = ".png";
  if (!name.starts_with(kBegin) || !name.ends_with(kEnd)) return false;
  const auto number = name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
  return number.size() >= 4 && number.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace chitu::pipelines
