#include "pipelines/save_frames.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <unistd.h>

#include "chitu_core/common/error.h"
#include "chitu_core/io/contact_sheet.h"
#include "chitu_core/io/png.h"
#include "chitu_core/io/video.h"

namespace chitu::pipelines {
namespace fs = std::filesystem;

namespace {

constexpr const char* kVideo = "video.mp4";
constexpr const char* kGif = "video.gif";
constexpr const char* kImage = "image.png";
constexpr const char* kFrames = "frames";
constexpr const char* kContactSheet = "contact_sheet.png";

fs::path save_video(const at::Tensor& frames, const Job& job, io::VideoFormat format,
                    const fs::path& file, pipeline::Context& context) {
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

/// A folder that gets its name when every picture in it is whole.
fs::path save_pictures(const at::Tensor& frames, const fs::path& folder,
                       pipeline::Context& context) {
  fs::path temporary = folder;
  temporary += fmt::format(".tmp{}", ::getpid());
  const auto remove = [&](const fs::path& path) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  };
  try {
    std::error_code error;
    if (!fs::create_directory(temporary, error) && error)
      throw InputError(folder.string() + ": cannot write: " + error.message());
    for (std::int64_t i = 0; i < frames.size(0); ++i) {
      context.check_stop();
      io::write_png(temporary / fmt::format("frame_{:04}.png", i), frames[i]);
    }
    remove(folder);  // of an earlier run in a folder that the user named
    fs::rename(temporary, folder);
  } catch (...) {
    remove(temporary);
    throw;
  }
  return folder;
}

fs::path save_image(const at::Tensor& frames, const fs::path& file) {
  if (frames.size(0) != 1)
    throw InputError(fmt::format("output.format=png: holds one picture, got {}", frames.size(0)));
  io::write_png(file, frames[0]);
  return file;
}

}  // namespace

pipeline::SavedFiles SaveFrames::run(const pipeline::Frames& input, const Job& job,
                                     pipeline::Context& context) const {
  const at::Tensor& frames = input.frames;
  const auto& output = job.output;
  pipeline::SavedFiles saved;
  if (output.dir.empty()) return saved;
  switch (output.format) {
    case OutputFormat::mp4:
      // One frame is a picture; players show nothing of a video that long.
      saved.paths.push_back(frames.size(0) == 1 ? save_image(frames, output.dir / kImage)
                                                : save_video(frames, job, io::VideoFormat::mp4,
                                                             output.dir / kVideo, context));
      break;
    case OutputFormat::gif:
      saved.paths.push_back(
          save_video(frames, job, io::VideoFormat::gif, output.dir / kGif, context));
      break;
    case OutputFormat::png:
      saved.paths.push_back(save_image(frames, output.dir / kImage));
      break;
    case OutputFormat::frames:
      saved.paths.push_back(save_pictures(frames, output.dir / kFrames, context));
      break;
  }
  if (output.contact_sheet) {
    io::write_png(output.dir / kContactSheet, io::contact_sheet(frames));
    saved.paths.push_back(output.dir / kContactSheet);
  }
  return saved;
}

std::vector<fs::path> media_names() { return {kVideo, kGif, kImage, kFrames, kContactSheet}; }

}  // namespace chitu::pipelines
