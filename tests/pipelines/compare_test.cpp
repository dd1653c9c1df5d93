#include <ATen/ATen.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/io/png.h"
#include "chitu_core/io/video.h"
#include "pipelines/compare/comparison_html.h"
#include "pipelines/compare/comparison_text.h"
#include "pipelines/compare/html.h"
#include "pipelines/compare/picture_quality.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using Catch::Approx;
using Catch::ContainsSubstring;
using testing::TemporaryFolder;
namespace fs = std::filesystem;

at::Tensor grey(int level, at::IntArrayRef shape = {16, 20, 3}) {
  return at::full(shape, level, at::kByte);
}

/// The pictures whose PSNR and SSIM NumPy computed by the definitions, window by window.
std::pair<at::Tensor, at::Tensor> patterns() {
  const at::Tensor y = at::arange(23).reshape({-1, 1, 1});
  const at::Tensor x = at::arange(31).reshape({1, -1, 1});
  const at::Tensor c = at::arange(3).reshape({1, 1, -1});
  const at::Tensor a = (y * 7 + x * 13 + c * 29).remainder(256);
  const at::Tensor b = (a + (y * y + 3 * x + c).remainder(17) - 8).clamp(0, 255);
  return {a.to(at::kByte), b.to(at::kByte)};
}

TEST_CASE("PSNR and SSIM are those of their definitions", "[pipelines]") {
  CHECK(psnr_db(grey(100), grey(101)) == Approx(20 * std::log10(255.0)));
  CHECK(psnr_db(grey(0), grey(255)) == 0);
  CHECK(std::isinf(psnr_db(grey(7), grey(7))));
  // Without variance only the means count.
  const double c1 = 2.55 * 2.55;
  CHECK(ssim(grey(100), grey(120)) ==
        Approx((2.0 * 100 * 120 + c1) / (100.0 * 100 + 120.0 * 120 + c1)).epsilon(1e-12));
  const auto [a, b] = patterns();
  CHECK(psnr_db(a, b) == Approx(34.423279672798884).epsilon(1e-12));
  CHECK(ssim(a, b) == Approx(0.9853028287631637).epsilon(1e-10));
  CHECK(ssim(a, a) == 1);
  const auto difference = compare_pictures(a, b);
  CHECK(difference.differing_pixels == 713);
  CHECK(difference.largest_difference == 8);
}

TEST_CASE("pictures of two sizes have no PSNR, and small ones no SSIM", "[pipelines]") {
  CHECK_THROWS_AS(psnr_db(grey(1), grey(1, {16, 16, 3})), ShapeError);
  CHECK_THROWS_WITH(ssim(grey(1, {10, 20, 3}), grey(1, {10, 20, 3})),
                    ContainsSubstring("at least 11x11 pixels"));
  CHECK_FALSE(compare_pictures(grey(1, {10, 20, 3}), grey(2, {10, 20, 3})).ssim.has_value());
}

TEST_CASE("a difference of one level in one pixel shows white", "[pipelines]") {
  at::Tensor b = grey(100).clone();
  b[3][4][1] = 101;
  const at::Tensor difference = difference_picture(grey(100), b);
  CHECK(difference.sum().item<int>() == 255);
  CHECK(difference[3][4][1].item<int>() == 255);
}

TEST_CASE("the worst frames come first", "[pipelines]") {
  at::Tensor a = at::zeros({4, 16, 16, 3}, at::kByte), b = a.clone();
  b[2].fill_(9);
  b[1][0][0][0] = 1;
  const auto frames = compare_clips(a, b);
  CHECK(worst_frames(frames, 3) == std::vector<std::size_t>{2, 1, 0});
  const auto worst = worst_of(frames);
  CHECK(worst.psnr_db == frames[2].psnr_db);
  CHECK(worst.differing_pixels == 257);
  CHECK(worst.largest_difference == 9);
}

TEST_CASE("a tolerance is parsed, and what is none is refused", "[pipelines]") {
  const auto tolerance =
      Tolerance::parse({"psnr=40", "ssim=0.99", "peak=1MiB", "bytes=5%", "loads=1", "time=10%"});
  CHECK(tolerance.frames.least_psnr_db == 40);
  CHECK(tolerance.peak.allows(10 << 20, 11 << 20));
  CHECK_FALSE(tolerance.peak.allows(10 << 20, (11 << 20) + 1));
  CHECK(tolerance.peak.allows(11 << 20, 10 << 20));
  CHECK(tolerance.bytes.allows(100, 105));
  CHECK_FALSE(tolerance.bytes.allows(100, 94));
  CHECK(tolerance.bytes.allows_growth(100, 94));
  CHECK_FALSE(tolerance.loads.allows(3, 5));
  CHECK(tolerance.time_share == Approx(0.1));
  CHECK(Tolerance::parse({"peak=any"}).peak.allows(0, 1 << 30));
  for (const char* word : {"psnr=x", "psnr=nan", "psnr=-1", "ssim=2", "frames=1", "peak=1",
                           "peak=-5%", "bytes=", "loads=1.5", "time=3", "pnsr=40", "psnr"}) {
    INFO(word);
    CHECK_THROWS_AS(Tolerance::parse({word}), InputError);
  }
  CHECK_THROWS_WITH(Tolerance::parse({"pnsr=40"}),
                    "--tolerance pnsr=40: expected one of psnr, ssim, frames, peak, bytes, loads, "
                    "time, did you mean psnr?");
}

/// A clip of noise as PNGs, and a metrics.json about it.
struct Folders {
  TemporaryFolder folder;
  at::Tensor clip = at::randint(0, 256, {3, 16, 24, 3}, at::kByte);

  fs::path frames(const std::string& name, const at::Tensor& frames) const {
    fs::create_directories(folder / name);
    for (std::int64_t i = 0; i < frames.size(0); ++i)
      io::write_png(folder.path() / name / ("frame_" + std::to_string(i) + ".png"), frames[i]);
    return folder / name;
  }

  static nlohmann::json metrics(std::int64_t peak, const std::string& device = "sim") {
    nlohmann::json stage{{"name", "denoise"},
                         {"peak_device_bytes", peak},
                         {"allocated_device_bytes", 5},
                         {"h2d_bytes", 7},
                         {"d2h_bytes", 8},
                         {"disk_bytes", 9},
                         {"loads", 1},
                         {"seconds", 2.0}};
    return {{"schema_version", 1},
            {"memory", {{"device", device}}},
            {"stages", {stage}},
            {"frames", nullptr},
            {"files", nlohmann::json::array()}};
  }

  fs::path metrics_file(const std::string& name, const nlohmann::json& metrics) const {
    write_file(folder / name, metrics.dump());
    return folder / name;
  }
};

TEST_CASE("one pixel apart is beyond an exact tolerance, and within a PSNR", "[pipelines]") {
  const Folders folders;
  at::Tensor other = folders.clip.clone();
  other[1][2][3][0] = (other[1][2][3][0].item<int>() + 1) % 255;
  const auto a = folders.frames("a", folders.clip), b = folders.frames("b", other);
  CHECK(compare_sources(a, a, {}).beyond.empty());
  const auto exact = compare_sources(a, b, {});
  REQUIRE(exact.beyond.size() == 1);
  CHECK_THAT(exact.beyond[0], Catch::StartsWith("frame 1: 1 pixels differ by up to "));
  CHECK(to_json(exact).at("clip").at("frames").at(1).at("differing_pixels") == 1);
  CHECK(to_json(exact).at("within") == false);
  CHECK(compare_sources(a, b, Tolerance::parse({"psnr=30"})).beyond.empty());
  CHECK_THAT(join(compare_sources(a, b, Tolerance::parse({"psnr=100"})).beyond),
             ContainsSubstring("frame 1: PSNR") && ContainsSubstring("at least 100 dB"));
  CHECK_THAT(to_text(exact), ContainsSubstring("beyond the tolerance: frame 1"));
}

TEST_CASE("frames are compared in the order of their numbers", "[pipelines]") {
  const Folders folders;
  const at::Tensor clip = at::arange(11, at::kByte).reshape({-1, 1, 1, 1}).repeat({1, 12, 12, 3});
  const auto folder = folders.frames("many", clip);  // frame_10.png sorts before frame_2.png
  CHECK(at::equal(read_frames(find_source(folder).media.front()), clip));
}

TEST_CASE("another number or size of frames is beyond every tolerance of frames", "[pipelines]") {
  const Folders folders;
  const auto a = folders.frames("a", folders.clip);
  const auto b = folders.frames("b", folders.clip.slice(0, 0, 2));
  for (const char* word : {"psnr=0", "ssim=-1"})
    CHECK(join(compare_sources(a, b, Tolerance::parse({word})).beyond) ==
          "frames: 3 frames of 24x16 beside 2 frames of 24x16");
  CHECK(compare_sources(a, b, Tolerance::parse({"frames=any"})).beyond.empty());
}

TEST_CASE("a GIF compares with the frames it was made of", "[pipelines]") {
  const Folders folders;
  const at::Tensor clip = folders.clip.div(64, "floor").mul(64);
  io::VideoWriter writer(folders.folder / "x.gif", {24, 16, 16, io::VideoFormat::gif, ""});
  writer.add(clip);
  writer.finish();
  const auto frames = folders.frames("frames", clip);
  CHECK(compare_sources(folders.folder / "x.gif", frames, {}).beyond.empty());
}

TEST_CASE("stages are compared by peak, bytes and loads, to the byte", "[pipelines]") {
  const Folders folders;
  const auto a = folders.metrics_file("a.json", Folders::metrics(100 << 20));
  const auto more = [&](const char* key, int by) {
    auto metrics = Folders::metrics(100 << 20);
    metrics["stages"][0][key] = metrics["stages"][0][key].get<std::int64_t>() + by;
    return folders.metrics_file("b.json", metrics);
  };
  const auto beyond = [&](const fs::path& b, const std::vector<std::string>& words = {}) {
    return join(compare_sources(a, b, Tolerance::parse(words)).beyond);
  };
  CHECK(beyond(a).empty());
  CHECK(beyond(more("peak_device_bytes", 1 << 20)) ==
        "stage denoise: peak 100.0 MiB -> 101.0 MiB (+1048576 B)");
  CHECK(beyond(more("peak_device_bytes", 1 << 20), {"peak=1%"}).empty());
  CHECK_THAT(beyond(more("h2d_bytes", 1)), ContainsSubstring("bytes to the device 7 B -> 8 B"));
  CHECK_THAT(beyond(more("d2h_bytes", 1)), ContainsSubstring("bytes to the host"));
  CHECK_THAT(beyond(more("disk_bytes", 1)), ContainsSubstring("bytes from disk"));
  CHECK(beyond(more("loads", 1)) == "stage denoise: loads 1 -> 2");
  CHECK(beyond(more("loads", 1), {"loads=any"}).empty());
  CHECK(beyond(more("seconds", 1)).empty());
  CHECK_THAT(beyond(more("seconds", 1), {"time=10%"}), ContainsSubstring("2.000 s -> 3.000 s"));
}

TEST_CASE("the resident set of a CPU run is shown and not judged", "[pipelines]") {
  const Folders folders;
  const auto a = folders.metrics_file("a.json", Folders::metrics(100 << 20, "cpu"));
  const auto b = folders.metrics_file("b.json", Folders::metrics(90 << 20, "cpu"));
  const auto comparison = compare_sources(a, b, {});
  CHECK(comparison.beyond.empty());
  CHECK_THAT(to_text(comparison), ContainsSubstring("100.0 MiB -> 90.0 MiB (-10.0 MiB)"));
}

TEST_CASE("sums of frames tell what a lossy medium hides or is gone", "[pipelines]") {
  const Folders folders;
  const auto digests = [&](const at::Tensor& clip, const std::string& name) {
    const auto digest = io::digest_of(clip);
    auto metrics = Folders::metrics(1);
    metrics["frames"] = {{"width", digest.width_px},
                         {"height", digest.height_px},
                         {"count", 3},
                         {"sha256", digest.all},
                         {"sha256_each", digest.each}};
    return folders.metrics_file(name, metrics);
  };
  at::Tensor other = folders.clip.clone();
  other[2][0][0][0].add_(1);
  const auto a = digests(folders.clip, "a.json"), b = digests(other, "b.json");
  CHECK(compare_sources(a, a, {}).beyond.empty());
  CHECK(join(compare_sources(a, b, {}).beyond) == "frame 2: its SHA-256 in metrics.json differs");
  CHECK_THAT(join(compare_sources(a, b, Tolerance::parse({"psnr=1"})).beyond),
             ContainsSubstring("without pictures their distance is not known"));
  // Pictures without metrics beside metrics without pictures.
  CHECK(compare_sources(folders.frames("frames", folders.clip), a, {}).beyond.empty());
  CHECK(compare_sources(folders.frames("others", other), a, {}).beyond.size() == 1);
}

TEST_CASE("a source that cannot be compared is named", "[pipelines]") {
  const Folders folders;
  const auto frames = folders.frames("frames", folders.clip);
  const auto metrics = folders.metrics_file("m.json", Folders::metrics(1));
  const auto fails = [&](const fs::path& path, const std::string& expected) {
    INFO(path);
    CHECK_THROWS_WITH(compare_sources(path, frames, {}), ContainsSubstring(expected));
  };
  fails(folders.folder / "none", "none: no such file or folder");
  fs::create_directories(folders.folder / "empty");
  fails(folders.folder / "empty", "empty: has no metrics.json, pictures or video; expected a run");
  write_file(folders.folder / "x.txt", "");
  fails(folders.folder / "x.txt", "x.txt: expected a run folder, a folder of PNGs");
  write_file(folders.folder / "x.png", "no picture");
  fails(folders.folder / "x.png", "x.png: cannot read: ");
  write_file(folders.folder / "x.mp4", "no video");
  fails(folders.folder / "x.mp4", "x.mp4: cannot decode: ");
  write_file(folders.folder / "bad.json", "{\"schema_version\": 1");
  fails(folders.folder / "bad.json", "bad.json:1:");
  fails(folders.metrics_file("old.json", {{"stages", nlohmann::json::array()}}),
        "old.json: schema_version: missing");
  auto newer = Folders::metrics(1);
  newer["schema_version"] = 2;
  fails(folders.metrics_file("new.json", newer), "schema_version: expected 1, got 2");
  auto broken = Folders::metrics(1);
  broken["stages"][0].erase("loads");
  fails(folders.metrics_file("broken.json", broken), "broken.json: stages[0]: loads: missing");
  fails(metrics, "has metrics alone, and ");
}

TEST_CASE("a page has pictures, tables and curves in it, and escapes names", "[pipelines]") {
  const Folders folders;
  at::Tensor other = folders.clip.clone();
  other[0][0][0][0].add_(1);
  auto comparison =
      compare_sources(folders.frames("a<b>&", folders.clip), folders.frames("b", other), {});
  const RunFigures figures = figures_of(Folders::metrics(1 << 20), "metrics");
  comparison.stages = paired_stages(figures, figures);
  const std::string page = to_html(comparison);
  CHECK_THAT(page, ContainsSubstring("a&lt;b&gt;&amp;") && !ContainsSubstring("a<b>"));
  CHECK_THAT(page, ContainsSubstring("src=\"data:image/png;base64,") &&
                       ContainsSubstring("class=\"memory\"") && !ContainsSubstring("src=\"http"));
  CHECK(html::escaped("<\"'&\x01") == "&lt;&quot;&#39;&amp;");
  CHECK(html::escaped("é\xff.") == "é\uFFFD.");
}

}  // namespace
}  // namespace chitu::pipelines
