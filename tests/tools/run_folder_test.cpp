#include "tools/chitu/run_folder.h"

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::tools {
namespace {

namespace fs = std::filesystem;

TEST_CASE("two runs in one second get different folders", "[tools]") {
  const testing::TemporaryFolder folder;
  const RunFolder first(folder / "outputs/day/time", true);
  const RunFolder second(folder / "outputs/day/time", true);
  CHECK(first.path() == folder / "outputs/day/time");
  CHECK(second.path() == folder / "outputs/day/time-1");
}

TEST_CASE("a folder that the user named is used as it is", "[tools]") {
  const testing::TemporaryFolder folder;
  fs::create_directories(folder / "mine");
  RunFolder run(folder / "mine/", false);
  CHECK(run.path() == folder / "mine");
  run.write("a/b.txt", "x");
  CHECK(read_file(folder / "mine/a/b.txt") == "x");
}

TEST_CASE("discarding a run removes its files and restores those of others", "[tools]") {
  const testing::TemporaryFolder folder;
  SECTION("folders of its own") {
    RunFolder run(folder / "outputs/day/time", true);
    run.write("run.log", "x");
    run.discard();
    CHECK(fs::is_empty(folder.path()));
  }
  SECTION("a parent that another run has come to use") {
    RunFolder run(folder / "outputs/day/one", true);
    const RunFolder other(folder / "outputs/day/two", true);
    run.discard();
    CHECK_FALSE(fs::exists(folder / "outputs/day/one"));
    CHECK(fs::exists(other.path()));
  }
  SECTION("a folder that was there") {
    write_file(folder / "keep", "x");
    RunFolder run(folder.path(), false);
    run.write("run.log", "x");
    run.discard();
    CHECK(fs::exists(folder / "keep"));
    CHECK_FALSE(fs::exists(folder / "run.log"));
  }
  SECTION("files of an earlier run, which come back") {
    write_file(folder / "run.log", "earlier");
    RunFolder run(folder.path(), false);
    run.write("run.log", "x");
    run.write(".hydra/config.yaml", "x");
    run.discard();
    CHECK(read_file(folder / "run.log") == "earlier");
    CHECK_FALSE(fs::exists(folder / ".hydra"));
  }
}

TEST_CASE("the error about a run folder that cannot be made has the reason", "[tools]") {
  const testing::TemporaryFolder folder;
  write_file(folder / "file", "x");
  CHECK_THROWS_AS(RunFolder(folder / "file/below", true), InputError);
  CHECK_THROWS_WITH(RunFolder(folder / "file/below", true),
                    Catch::ContainsSubstring("cannot make the folder: Not a directory"));
}

}  // namespace
}  // namespace chitu::tools
