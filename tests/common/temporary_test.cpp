#include "chitu_core/common/temporary.h"

#include <sys/wait.h>
#include <unistd.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu {
namespace {

namespace fs = std::filesystem;

std::size_t entries_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// Starts a process that begins a file and a folder there and is killed.
void leave_half_written(const fs::path& folder) {
  const pid_t child = ::fork();
  if (child == 0) {
    TemporaryFile file(folder / "video.mp4");
    file.write("half");
    const TemporaryName frames(folder / "frames", TemporaryName::Kind::folder);
    write_file(frames.temporary() / "frame_0000.png", "x");
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("a file appears complete or not at all", "[common]") {
  const testing::TemporaryFolder folder;
  {
    TemporaryFile file(folder / "x");
    file.write("half");
    CHECK_FALSE(fs::exists(folder / "x"));
  }
  CHECK(fs::is_empty(folder.path()));
  CHECK_THROWS_WITH(TemporaryFile(folder / "none/x"),
                    (folder / "none/x").string() + ": cannot write: No such file or directory");
}

TEST_CASE("files of killed processes are removed, files of running ones stay", "[common]") {
  const testing::TemporaryFolder folder;
  leave_half_written(folder.path());
  write_file(folder / "mine.tmp1", "x");
  TemporaryFile going_on(folder / "trace.json");
  going_on.write("{}");
  REQUIRE(entries_in(folder.path()) == 4);
  remove_abandoned(folder.path());
  CHECK(entries_in(folder.path()) == 2);
  going_on.commit();
  CHECK(read_file(folder / "trace.json") == "{}");
  CHECK(read_file(folder / "mine.tmp1") == "x");
  remove_abandoned(folder / "none");
}

}  // namespace
}  // namespace chitu
