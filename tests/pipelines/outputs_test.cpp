#include "pipelines/output/outputs.h"

#include "chitu_core/common/files.h"
#include "pipelines/side_output_error.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;

TEST_CASE("a run without any output is an error", "[pipelines]") {
  Engine engine = open_engine("wan-unipc");
  const Request request = engine.complete(small_request());
  CHECK_THROWS_AS(engine.generate(request, {}), InputError);
  CHECK_THROWS_WITH(engine.generate(request, {}),
                    "output.dir: expected a folder that exists, for the media; got none");
}

TEST_CASE("empty options and requests are refused by name", "[pipelines]") {
  CHECK_THROWS_WITH(Engine(EngineOptions{}), Catch::StartsWith("model.ckpt_dir=: "));
  const testing::TemporaryFolder folder;
  Engine engine = open_engine("wan-unipc");
  CHECK_THROWS_WITH(engine.generate(Request{}, {.dir = folder.path()}),
                    Catch::StartsWith("request.width=0: "));
  Request request = engine.complete(small_request());
  request.fps = 0;
  CHECK_THROWS_WITH(engine.generate(request, {.dir = folder.path()}),
                    Catch::StartsWith("request.fps=0: "));
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("a folder that cannot hold the media is refused before the work", "[pipelines]") {
  const testing::TemporaryFolder folder;
  write_file(folder / "file", "x");
  fs::create_directories(folder / "taken/video.mp4");
  write_file(folder / "taken/frames", "x");
  Engine engine = open_engine("wan-unipc");
  const Request request = engine.complete(small_request());
  Output output;
  std::string expected;
  SECTION("none") {
    output.dir = folder / "none";
    expected = "output.dir=" + output.dir.string() + ": no such folder";
  }
  SECTION("a file") {
    output.dir = folder / "file";
    expected = "output.dir=" + output.dir.string() + ": is a file, not a folder";
  }
  SECTION("a folder in the place of the video") {
    output.dir = folder / "taken";
    expected = (output.dir / "video.mp4").string() + ": is a folder";
  }
  SECTION("a file in the place of the frames") {
    output.dir = folder / "taken";
    output.formats = {OutputFormat::frames};
    expected = (output.dir / "frames").string() + ": is not a folder";
  }
  SECTION("a clip in one picture") {
    output.dir = folder.path();
    output.formats = {OutputFormat::png};
    expected = "output.format=png: holds one picture, but request.num_frames is 5";
  }
  SECTION("a clip in one picture, among other formats") {
    output.dir = folder.path();
    output.formats = {OutputFormat::mp4, OutputFormat::png};
    expected = "output.format=png: holds one picture, but request.num_frames is 5";
  }
  SECTION("no format") {
    output.dir = folder.path();
    output.formats = {};
    expected = "output.format: expected one format or more, got none";
  }
  SECTION("a name that is a path") {
    output.dir = folder.path();
    output.name = "../video";
    expected = "output.name: ../video: expected a name without slashes";
  }
  CHECK_THROWS_AS(engine.generate(request, output), InputError);
  CHECK_THROWS_WITH(engine.generate(request, output), ContainsSubstring(expected));
}

TEST_CASE("a prompt cache that fails does not stop the run", "[pipelines]") {
  const testing::TemporaryFolder folder;
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = "cpu";
  options.prompt_cache = folder / "cache";
  Engine engine(options);
  write_file(options.prompt_cache, "a file, since the engine was opened");
  const fs::path media = folder / "media";
  fs::create_directories(media);
  try {
    engine.generate(engine.complete(small_request()), {.dir = media});
    FAIL("expected an error");
  } catch (const SideOutputError& error) {
    CHECK_THAT(error.what(), Catch::StartsWith("infer.prompt_cache=" + (folder / "cache").string() +
                                               ": cannot write: "));
    CHECK(error.saved() == std::vector<fs::path>{media / "video.mp4"});
    CHECK(fs::file_size(media / "video.mp4") > 0);
  }
}

}  // namespace
}  // namespace chitu::pipelines
