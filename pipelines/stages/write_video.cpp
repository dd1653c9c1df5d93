#include "pipelines/stages/write_video.h"

namespace chitu::pipelines {

void write_video(const at::Tensor& frames, double frames_per_second, io::VideoFormat format,
                 const std::filesystem::path& file, const std::function<void()>& check_stop) {
  io::VideoOptions options;
  options.height_px = frames.size(1);
  options.width_px = frames.size(2);
  options.frames_per_second = frames_per_second;
  options.format = format;
  io::VideoWriter writer(file, options);
  for (std::int64_t i = 0; i < frames.size(0); ++i) {
    check_stop();
    writer.add(frames[i]);
  }
  writer.finish();
}

}  // namespace chitu::pipelines
