#include "chitu/video.h"

#include <fstream>

#include "tests/api/tiny_engine.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu {
namespace {

using Catch::ContainsSubstring;
namespace fs = std::filesystem;

Video small_video(int frames) {
  Request request = testing::tiny_request();
  request.num_frames = frames;
  return Engine(testing::tiny_options()).generate(request);
}

TEST_CASE("a video outlives its engine and is saved in the format of the name", "[api]") {
  const testing::TemporaryFolder folder;
  const Video video = small_video(5);
  for (const char* name : {"cat.mp4", "cat.gif"}) {
    video.save(folder / name);
    CHECK(fs::file_size(folder / name) > 100);
  }
  video.save(folder / "cat.mp4");  // replaces it
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 2);
  CHECK_THROWS_WITH(video.save(folder / "cat.avi"), ContainsSubstring("expected a name that ends"));
  CHECK_THROWS_WITH(video.save(folder / "cat.png"),
                    ContainsSubstring("a PNG holds one picture, the video has 5"));
  CHECK_THROWS_AS(video.save(folder / "none" / "cat.mp4"), InputError);
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 2);
  const Video picture = small_video(1);
  picture.save(folder / "cat.png");
  CHECK(fs::exists(folder / "cat.png"));
}

TEST_CASE("a video is saved into a folder as the command does", "[api]") {
  const testing::TemporaryFolder folder;
  const Video video = small_video(5);
  Output output;
  output.dir = folder.path();
  output.contact_sheet = true;
  CHECK(video.save(output) ==
        std::vector<fs::path>{folder / "video.mp4", folder / "contact_sheet.png"});
  CHECK_THROWS_WITH(video.save(Output()), ContainsSubstring("output.dir"));
  fs::remove(folder / "contact_sheet.png");
  fs::create_directories(folder / "video.mp4.d");
  output.formats = {OutputFormat::png};
  CHECK_THROWS_AS(video.save(output), InputError);
}

}  // namespace
}  // namespace chitu
