#include "chitu_core/common/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "chitu_core/common/error.h"
#include "tests/support/catch.h"

namespace chitu {
namespace {

TEST_CASE("a written file is read back completely and leaves no temporary file", "[common]") {
  const auto folder = std::filesystem::temp_directory_path() / "chitu_files_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string bytes("a\0b\n", 4);
  write_file(folder / "x", bytes);
  write_file(folder / "x", bytes);
  CHECK(read_file(folder / "x") == bytes);
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  std::filesystem::remove_all(folder);
}

TEST_CASE("an error about an unreadable or unwritable file has the reason", "[common]") {
  CHECK_THROWS_WITH(read_file("/no/such/file"), "/no/such/file: No such file or directory");
  CHECK_THROWS_AS(read_file("/no/such/file"), InputError);
  CHECK_THROWS_WITH(write_file("/no/such/file", "x"),
                    "/no/such/file: cannot write: No such file or directory");
}

TEST_CASE("a link without a target is reported as such, in every part of a path", "[common]") {
  namespace fs = std::filesystem;
  const auto folder = fs::temp_directory_path() / "chitu_links_test";
  fs::remove_all(folder);
  fs::create_directories(folder);
  fs::create_symlink("../../blobs/ab12", folder / "file");
  fs::create_directory_symlink("gone", folder / "folder");
  CHECK_THROWS_WITH(
      read_file(folder / "file"),
      (folder / "file").string() +
          ": a link to ../../blobs/ab12, which is missing: is the download complete?");
  CHECK_THROWS_WITH(read_file(folder / "folder" / "x"),
                    (folder / "folder" / "x").string() + ": " + (folder / "folder").string() +
                        " is a link to gone, which is missing: is the download complete?");
  CHECK(folder_problem(folder / "folder") ==
        "a link to gone, which is missing: is the download complete?");
  CHECK(folder_problem(folder / "none") == "no such folder");
  CHECK_FALSE(folder_problem(folder));
  CHECK(name_exists(folder / "file"));
  CHECK_FALSE(name_exists(folder / "none"));
  write_file(folder / "plain", "");
  CHECK(folder_problem(folder / "plain") == "is a file, not a folder");
  fs::create_symlink("loop", folder / "loop");
  CHECK(folder_problem(folder / "loop") == "no such folder: Too many levels of symbolic links");
  fs::remove_all(folder);
}

TEST_CASE("a pipe is read to its end, and one that nobody writes to is empty", "[common]") {
  namespace fs = std::filesystem;
  const auto pipe = fs::temp_directory_path() / "chitu_pipe_test";
  fs::remove(pipe);
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(read_file(pipe).empty());
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  std::jthread writer([&, end = ::open(pipe.c_str(), O_WRONLY)] {
    const std::string part(100'000, 'x');
    CHECK(::write(end, part.data(), part.size()) == std::ssize(part));
    ::close(end);
  });
  CHECK(read_file(pipe).size() == 100'000);
  ::close(reader);
  fs::remove(pipe);
}

TEST_CASE("devices and folders are no files to read", "[common]") {
  CHECK_THROWS_WITH(read_file("/dev/zero"), "/dev/zero: not a regular file");
  CHECK_THROWS_WITH(read_file("/tmp"), "/tmp: Is a directory");
}

TEST_CASE("a full disk leaves the old file unchanged", "[common]") {
  if (!std::filesystem::exists("/dev/full")) return;
  CHECK_THROWS_AS(write_file("/dev/full/x", "x"), Error);
}

}  // namespace
}  // namespace chitu
