#include "chitu/video.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <stdexcept>

#include "chitu/errors.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/io/png.h"
#include "pipelines/api/plain_errors.h"
#include "pipelines/api/video_access.h"
#include "pipelines/output/outputs.h"
#include "pipelines/stages/save_frames.h"
#include "pipelines/stages/write_video.h"

namespace chitu {
namespace fs = std::filesystem;

namespace {

std::span<const std::uint8_t> bytes_of(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<std::uint8_t>(), static_cast<std::size_t>(tensor.numel())};
}

void write_picture(const at::Tensor& frames, const fs::path& file) {
  if (frames.size(0) != 1)
    throw InputError(
        fmt::format("{}: a PNG holds one picture, the video has {}; expected .mp4 or "
                    ".gif",
                    file.string(), frames.size(0)));
  io::write_png(file, frames[0]);
}

}  // namespace

at::Tensor api::checked_frames(const at::Tensor& frames) {
  const bool fits = frames.defined() && frames.dim() == 4 && frames.size(3) == 3 &&
                    frames.numel() > 0 && frames.scalar_type() == at::kByte &&
                    frames.device().is_cpu();
  if (!fits)
    throw ShapeError("the last stage made no frames: expected [F, H, W, 3] uint8 on the CPU");
  return frames.contiguous();
}

Video::Video(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

std::int64_t Video::frame_count() const { return impl_->frames.size(0); }
std::int64_t Video::height() const { return impl_->frames.size(1); }
std::int64_t Video::width() const { return impl_->frames.size(2); }
double Video::fps() const { return static_cast<double>(impl_->completed.fps); }

std::span<const std::uint8_t> Video::frames() const& { return bytes_of(impl_->frames); }

std::span<const std::uint8_t> Video::frame(std::int64_t index) const& {
  if (index < 0 || index >= frame_count())
    throw std::out_of_range(fmt::format("frame {}: the video has {} frames", index, frame_count()));
  const auto size = static_cast<std::size_t>(height() * width() * 3);
  return frames().subspan(static_cast<std::size_t>(index) * size, size);
}

at::Tensor Video::tensor() const { return impl_->frames; }
at::Tensor Video::latents() const { return impl_->latents; }
Request Video::request() const { return impl_->request; }
std::vector<std::string> Video::problems() const { return impl_->problems; }

void Video::save(const fs::path& file) const {
  const c10::InferenceMode inference;
  const std::string extension = file.extension().string();
  api::with_plain_errors([&] {
    const auto write = [&](io::VideoFormat format) {
      pipelines::write_video(impl_->frames, fps(), format, file, [] {});
    };
    if (extension == ".mp4") return write(io::VideoFormat::mp4);
    if (extension == ".gif") return write(io::VideoFormat::gif);
    if (extension == ".png") return write_picture(impl_->frames, file);
    throw InputError(file.string() + ": expected a name that ends with .mp4, .gif or .png");
  });
}

std::vector<fs::path> Video::save(const Output& output) const {
  const c10::InferenceMode inference;
  return api::with_plain_errors([&] {
    if (output.dir.empty()) throw InputError("output.dir: expected a folder that exists; got none");
    pipelines::check_outputs(impl_->completed, output, {}, {});
    graph::Context context;
    auto saved =
        pipelines::SaveFrames{}.run({impl_->frames}, {impl_->completed, output}, context).paths;
    if (!context.failed_outputs.empty())
      throw SideOutputError(join(context.failed_outputs, "; "), saved);
    return saved;
  });
}

}  // namespace chitu
