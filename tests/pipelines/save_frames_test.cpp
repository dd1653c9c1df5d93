#include "pipelines/stages/save_frames.h"

#include <ATen/ATen.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/read_png.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

namespace fs = std::filesystem;

at::Tensor clip(std::int64_t frames) { return at::randint(0, 256, {frames, 32, 48, 3}, at::kByte); }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

struct Saver {
  testing::TemporaryFolder folder;
  Job job;
  graph::Context context;
  Saver() { job.output.dir = folder.path(); }
  std::vector<std::string> save(const at::Tensor& frames) {
    SaveFrames().run({frames}, job, context);
    return names_in(folder.path());
  }
};

TEST_CASE("each format writes its files and nothing else", "[pipelines]") {
  Saver saver;
  using Names = std::vector<std::string>;
  SECTION("mp4") { CHECK(saver.save(clip(5)) == Names{"video.mp4"}); }
  SECTION("a video of a single frame") { CHECK(saver.save(clip(1)) == Names{"video.mp4"}); }
  SECTION("gif") {
    saver.job.output.formats = {OutputFormat::gif};
    CHECK(saver.save(clip(5)) == Names{"video.gif"});
  }
  SECTION("contact sheet") {
    saver.job.output.contact_sheet = true;
    CHECK(saver.save(clip(5)) == Names{"contact_sheet.png", "video.mp4"});
  }
  SECTION("nothing without a folder") {
    saver.job.output.dir.clear();
    CHECK(saver.save(clip(5)).empty());
  }
}

TEST_CASE("one run writes several formats, under the name of the output", "[pipelines]") {
  Saver saver;
  saver.job.output.formats = {OutputFormat::gif, OutputFormat::frames};
  saver.job.output.contact_sheet = true;
  using Names = std::vector<std::string>;
  SECTION("named by default") {
    CHECK(saver.save(clip(3)) == Names{"contact_sheet.png", "frames", "video.gif"});
  }
  SECTION("named") {
    saver.job.output.name = "0001-cat";
    CHECK(saver.save(clip(3)) == Names{"0001-cat", "0001-cat-contact_sheet.png", "0001-cat.gif"});
    CHECK(names_in(saver.folder / "0001-cat").size() == 3);
  }
}

TEST_CASE("a format that cannot be written costs none of the formats before it", "[pipelines]") {
  Saver saver;
  saver.job.output.formats = {OutputFormat::mp4, OutputFormat::gif, OutputFormat::frames};
  fs::create_directories(saver.folder / "video.gif/x");
  const auto saved = SaveFrames().run({clip(5)}, saver.job, saver.context);
  CHECK(saved.paths == std::vector<fs::path>{saver.folder / "video.mp4", saver.folder / "frames"});
  REQUIRE(saver.context.failed_outputs.size() == 1);
  CHECK_THAT(saver.context.failed_outputs.front(),
             Catch::StartsWith("output.format: ") && Catch::ContainsSubstring("video.gif"));
}

TEST_CASE("frames are written without loss, in order, over those of an older run", "[pipelines]") {
  Saver saver;
  saver.job.output.formats = {OutputFormat::frames};
  saver.save(clip(9));
  const at::Tensor frames = clip(3);
  CHECK(saver.save(frames) == std::vector<std::string>{"frames"});
  const fs::path folder = saver.folder / "frames";
  CHECK(names_in(folder) ==
        std::vector<std::string>{"frame_0000.png", "frame_0001.png", "frame_0002.png"});
  CHECK(at::equal(testing::read_png(folder / "frame_0002.png"), frames[2]));
}

TEST_CASE("the user's own files among the frames are kept", "[pipelines]") {
  Saver saver;
  saver.job.output.formats = {OutputFormat::frames};
  saver.save(clip(5));
  const fs::path folder = saver.folder / "frames";
  write_file(folder / "notes.txt", "mine");
  CHECK(saver.save(clip(1)) == std::vector<std::string>{"frames"});
  CHECK(names_in(folder) == std::vector<std::string>{"frame_0000.png", "notes.txt"});
  CHECK(read_file(folder / "notes.txt") == "mine");
}

TEST_CASE("a contact sheet that cannot be written does not affect other files", "[pipelines]") {
  Saver saver;
  saver.job.output.contact_sheet = true;
  fs::create_directories(saver.folder / "contact_sheet.png/x");
  const auto saved = SaveFrames().run({clip(5)}, saver.job, saver.context);
  CHECK(saved.paths == std::vector<fs::path>{saver.folder / "video.mp4"});
  REQUIRE(saver.context.failed_outputs.size() == 1);
  CHECK_THAT(saver.context.failed_outputs.front(),
             Catch::StartsWith("output.contact_sheet: ") &&
                 Catch::ContainsSubstring("contact_sheet.png: cannot write: Is a directory"));
}

TEST_CASE("a clip cannot be saved as a single picture", "[pipelines]") {
  Saver saver;
  saver.job.output.formats = {OutputFormat::png};
  CHECK_THROWS_AS(saver.save(clip(2)), InputError);
  CHECK(saver.save(clip(1)) == std::vector<std::string>{"image.png"});
}

TEST_CASE("stopping while frames are written leaves none", "[pipelines]") {
  Saver saver;
  saver.job.output.formats = {GENERATE(OutputFormat::frames, OutputFormat::mp4)};
  std::stop_source source;
  source.request_stop();
  saver.context.stop = source.get_token();
  CHECK_THROWS_AS(saver.save(clip(3)), Interrupted);
  CHECK(names_in(saver.folder.path()).empty());
}

TEST_CASE("an unwritable folder is an input error", "[pipelines]") {
  Saver saver;
  saver.job.output.dir = "/proc/no/such/folder";
  saver.job.output.formats = {
      GENERATE(OutputFormat::mp4, OutputFormat::gif, OutputFormat::png, OutputFormat::frames)};
  CHECK_THROWS_AS(saver.save(clip(1)), InputError);
}

}  // namespace
}  // namespace chitu::pipelines
