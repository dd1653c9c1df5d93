#include "pipelines/stages/save_frames.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "chitu_core/common/error.h"
#include "chitu_core/common/temporary.h"
#include "chitu_core/graph/frames_observer.h"
#include "chitu_core/io/contact_sheet.h"
#include "chitu_core/io/png.h"
#include "pipelines/stages/write_video.h"

namespace chitu::pipelines {
namespace fs = std::filesystem;

namespace {

/// Throws Interrupted when the user asked to stop; does nothing once something is saved.
using CheckStop = std::function<void()>;

fs::path save_video(const at::Tensor& frames, const Job& job, io::VideoFormat format,
                    const fs::path& file, const CheckStop& check_stop) {
  write_video(frames, static_cast<double>(job.request.fps), format, file, check_stop);
  return file;
}

bool holds_frames_alone(const fs::path& folder) {
  return std::all_of(fs::directory_iterator(folder), fs::directory_iterator(),
                     [](const auto& at) { return is_frame_name(at.path().filename().string()); });
}

/// Replaces the frames in a folder that also holds the user's own files, which stay.
void replace_frames(const fs::path& made, const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (is_frame_name(entry.path().filename().string())) fs::remove(entry.path());
  for (const auto& entry : fs::directory_iterator(made))
    fs::rename(entry.path(), folder / entry.path().filename());
}

/// Moves the folder to its name; replaces an earlier run's.
void commit_folder(TemporaryName& made) {
  const fs::path& folder = made.target();
  if (!fs::exists(folder)) return made.commit();
  if (!holds_frames_alone(folder)) return replace_frames(made.temporary(), folder);
  const TemporaryName earlier(folder, TemporaryName::Kind::folder);
  fs::rename(folder, earlier.temporary());
  made.commit();
}

/// A folder that gets its name once every picture in it is complete.
fs::path save_pictures(const at::Tensor& frames, const fs::path& folder,
                       const CheckStop& check_stop) {
  TemporaryName made(folder, TemporaryName::Kind::folder);
  for (std::int64_t i = 0; i < frames.size(0); ++i) {
    check_stop();
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

fs::path save_media(const at::Tensor& frames, const Job& job, OutputFormat format,
                    const CheckStop& check_stop) {
  const fs::path path = job.output.dir / media_name(job.output, format).name;
  switch (format) {
    case OutputFormat::mp4:
      return save_video(frames, job, io::VideoFormat::mp4, path, check_stop);
    case OutputFormat::gif:
      return save_video(frames, job, io::VideoFormat::gif, path, check_stop);
    case OutputFormat::png:
      return save_image(frames, path);
    case OutputFormat::frames:
      return save_pictures(frames, path, check_stop);
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
  if (output.dir.empty()) return {};  // the run only writes a dump or feeds an observer
  graph::SavedFiles saved;
  const auto save = [&](OutputFormat format, const CheckStop& check_stop) {
    saved.paths.push_back(save_media(input.frames, job, format, check_stop));
  };
  save(output.formats.front(), [&] { context.check_stop(); });
  for (std::size_t i = 1; i < output.formats.size(); ++i)
    context.write_aside("output.format", [&] { save(output.formats[i], [] {}); });
  if (output.contact_sheet)
    context.write_aside("output.contact_sheet", [&] {
      const fs::path file = output.dir / contact_sheet_name(output);
      io::write_png(file, io::contact_sheet(input.frames));
      saved.paths.push_back(file);
    });
  return saved;
}

}  // namespace chitu::pipelines
