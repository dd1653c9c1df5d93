#include "chitu_core/io/video.h"

#include <ATen/ATen.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/read_video.h"
#include "chitu_core/io/video/palette.h"
#include "tests/io/full_disk.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/catch.h"

namespace chitu::io {
namespace {

/// A soft disc that moves over a sloping background: smooth, so that half-resolution colour loses
/// little. [count, height, width, 3]
at::Tensor clip(std::int64_t count, std::int64_t height, std::int64_t width) {
  const at::Tensor y = at::arange(height, at::kFloat).reshape({-1, 1});
  const at::Tensor x = at::arange(width, at::kFloat).reshape({1, -1});
  std::vector<at::Tensor> frames;
  for (std::int64_t t = 0; t < count; ++t) {
    const double centre = static_cast<double>(width) * (0.3 + 0.4 * static_cast<double>(t) / 8);
    const at::Tensor distance =
        ((x - centre).square() + (y - static_cast<double>(height) / 2).square()).sqrt();
    const at::Tensor disc = (static_cast<double>(height) / 4 - distance).div(3).sigmoid();
    const at::Tensor slope = y / static_cast<double>(height) + x * 0;
    frames.push_back(at::stack(
        {220 - 100 * disc, 60 + 120 * slope * (1 - disc), 200 - 60 * slope - 120 * disc}, -1));
  }
  return at::stack(frames).round().clamp(0, 255).to(at::kByte);
}

double psnr(const at::Tensor& a, const at::Tensor& b) {
  const double error = (a.to(at::kDouble) - b.to(at::kDouble)).square().mean().item<double>();
  return 10 * std::log10(255.0 * 255.0 / error);
}

void write(const std::filesystem::path& path, const at::Tensor& frames, VideoFormat format,
           const std::string& encoder = "") {
  VideoOptions options;
  options.height_px = frames.size(1);
  options.width_px = frames.size(2);
  options.format = format;
  options.encoder = encoder;
  VideoWriter writer(path, options);
  writer.add(frames);
  writer.finish();
}

TEST_CASE("a written mp4 plays back the same frames in the right colours", "[io]") {
  const ScratchFolder folder("mp4");
  const at::Tensor frames = clip(9, 64, 96);
  for (const std::string encoder : {"", "mpeg4"}) {
    write(folder / "x.mp4", frames, VideoFormat::mp4, encoder);
    const Video video = read_video(folder / "x.mp4");
    INFO(video.codec);
    REQUIRE(video.frames.sizes() == frames.sizes());
    CHECK(video.bt709);
    CHECK(video.frames_per_second == Approx(16));
    CHECK(psnr(video.frames, frames) > 38);
    for (std::int64_t i = 0; i < 9; ++i)  // in order, none of them doubled
      CHECK(psnr(video.frames[i], frames[i]) > psnr(video.frames[i], frames[(i + 3) % 9]) + 6);
  }
  CHECK(folder.files() == 1);
  const std::string bytes = read_file(folder / "x.mp4");
  CHECK(bytes.find("moov") < bytes.find("mdat"));  // playable while it is downloaded
}

TEST_CASE("odd sizes are made even in an mp4", "[io]") {
  const ScratchFolder folder("odd");
  const at::Tensor frames = clip(3, 33, 47);
  write(folder / "x.mp4", frames, VideoFormat::mp4);
  const at::Tensor got = read_video(folder / "x.mp4").frames;
  REQUIRE(got.sizes() == at::IntArrayRef({3, 34, 48, 3}));
  CHECK(psnr(got.slice(1, 0, 33).slice(2, 0, 47), frames) > 34);
  CHECK(psnr(got.slice(1, 33), got.slice(1, 32, 33)) > 34);
}

TEST_CASE("a gif of few colours is exact", "[io]") {
  const ScratchFolder folder("exact");
  const at::Tensor frames = clip(4, 30, 41).div(64, "floor").mul(64);
  write(folder / "x.gif", frames, VideoFormat::gif);
  CHECK(at::equal(read_video(folder / "x.gif").frames, frames));
  CHECK(folder.files() == 1);
}

TEST_CASE("a video that is cut short or none is named", "[io]") {
  const ScratchFolder folder("cut");
  write(folder / "x.mp4", clip(9, 48, 64), VideoFormat::mp4);
  const std::string bytes = read_file(folder / "x.mp4");
  write_file(folder / "cut.mp4", bytes.substr(0, bytes.size() / 2));
  write_file(folder / "none.mp4", "text");
  for (const char* name : {"cut.mp4", "none.mp4", "missing.mp4"})
    CHECK_THROWS_WITH(read_video(folder / name),
                      Catch::ContainsSubstring(std::string(name) + ": cannot decode: "));
}

TEST_CASE("a gif of many colours is close to the original", "[io]") {
  const ScratchFolder folder("gif");
  at::Tensor frames = clip(9, 64, 64);
  frames = (frames.to(at::kInt) + at::arange(3 * 64, at::kInt).remainder(3).reshape({1, 1, 64, 3}))
               .clamp(0, 255)
               .to(at::kByte);
  write(folder / "x.gif", frames, VideoFormat::gif);
  const Video video = read_video(folder / "x.gif");
  REQUIRE(video.frames.sizes() == frames.sizes());
  CHECK(psnr(video.frames, frames) > 38);
  CHECK(video.frames_per_second == Approx(16).epsilon(0.02));
}

TEST_CASE("frames added one by one or at once give the same bytes every time", "[io]") {
  const ScratchFolder folder("same");
  const at::Tensor frames = clip(6, 48, 64);
  for (const auto format : {VideoFormat::mp4, VideoFormat::gif}) {
    write(folder / "a", frames, format);
    VideoOptions options{64, 48, 16, format, ""};
    VideoWriter writer(folder / "b", options);
    for (std::int64_t i = 0; i < 6; ++i) writer.add(frames[i]);
    writer.finish();
    CHECK(read_file(folder / "a") == read_file(folder / "b"));
  }
}

TEST_CASE("a video that is not finished leaves nothing behind", "[io]") {
  const ScratchFolder folder("unfinished");
  for (const auto format : {VideoFormat::mp4, VideoFormat::gif}) {
    VideoWriter writer(folder / "x", {64, 48, 16, format, ""});
    writer.add(clip(2, 48, 64));
    CHECK(folder.files() == 1);
    CHECK_FALSE(std::filesystem::exists(folder / "x"));
  }
  CHECK(folder.files() == 0);
  VideoWriter empty(folder / "x", {64, 48, 16, VideoFormat::mp4, ""});
  CHECK_THROWS_WITH(empty.finish(), Catch::ContainsSubstring("a video without frames"));
}

TEST_CASE("a full disk stops a video and leaves nothing behind", "[io]") {
  const ScratchFolder folder("full");
  const at::Tensor noise = at::randint(0, 256, {8, 128, 128, 3}, at::TensorOptions(at::kByte));
  for (const auto format : {VideoFormat::mp4, VideoFormat::gif}) {
    const FullDisk full(20000);
    CHECK_THROWS_WITH(write(folder / "x", noise, format),
                      Catch::ContainsSubstring("/x: cannot write: File too large"));
  }
  CHECK(folder.files() == 0);
}

TEST_CASE("invalid videos are refused with the reason", "[io]") {
  const ScratchFolder folder("refused");
  const auto path = folder / "x.mp4";
  CHECK_THROWS_WITH(VideoWriter(path, {}),
                    Catch::ContainsSubstring("width and height must be 1 to 16384"));
  CHECK_THROWS_WITH(VideoWriter(path, {64, 64, 0, VideoFormat::mp4, ""}),
                    Catch::ContainsSubstring("frames per second must be 0.01 to 1000, got 0"));
  CHECK_THROWS_WITH(VideoWriter(path, {64, 64, 16, VideoFormat::mp4, "none"}),
                    Catch::ContainsSubstring("FFmpeg has no encoder \"none\""));
  CHECK_THROWS_WITH(
      VideoWriter(folder / "none/x.mp4", {64, 64, 16, VideoFormat::mp4, ""}),
      Catch::ContainsSubstring("none/x.mp4: cannot write: No such file or directory"));
  VideoWriter writer(path, {64, 48, 16, VideoFormat::mp4, ""});
  CHECK_THROWS_AS(writer.add(at::zeros({48, 64, 3})), ShapeError);
  CHECK_THROWS_WITH(
      writer.add(at::zeros({2, 48, 64, 4}, at::kByte)),
      Catch::ContainsSubstring("expected uint8 [T, H, W, 3], got Byte [2, 48, 64, 4]"));
  CHECK_THROWS_WITH(writer.add(at::zeros({32, 64, 3}, at::kByte)),
                    Catch::ContainsSubstring("expected frames of 64 x 48, got 64 x 32"));
}

TEST_CASE("a palette holds every colour if there are few enough", "[io]") {
  PaletteBuilder builder;
  std::vector<Rgb> pixels;
  for (int i = 0; i < 256; ++i)
    pixels.push_back({static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i ^ 1), 7});
  builder.add(pixels);
  const Palette exact = builder.build();
  CHECK(exact.exact);
  CHECK(exact.colours.size() == 256);
  const Rgb one_more{7, 7, 7};
  builder.add({&one_more, 1});
  const Palette close = builder.build();
  CHECK_FALSE(close.exact);
  CHECK(close.colours.size() <= 256);
  for (const Rgb& pixel : pixels) {
    const auto far = [&](const Rgb& colour) {
      return std::max(std::abs(colour.red - pixel.red), std::abs(colour.green - pixel.green));
    };
    const auto nearest = std::min_element(close.colours.begin(), close.colours.end(),
                                          [&](auto& a, auto& b) { return far(a) < far(b); });
    CHECK(far(*nearest) <= 4);
  }
}

}  // namespace
}  // namespace chitu::io
