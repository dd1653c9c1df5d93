#include "chitu_core/common/output_path.h"

#include <unistd.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;

/// A folder with a file, a link without a target and two links that form a loop.
struct Places {
  Places() {
    write_file(folder / "file", "x");
    fs::create_symlink("loop_b", folder / "loop_a");
    fs::create_symlink("loop_a", folder / "loop_b");
    fs::create_symlink("nowhere/x", folder / "dangling");
    fs::create_symlink("target", folder / "link");
  }
  bool is_as_before() const {
    return std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 5 &&
           read_file(folder / "file") == "x";
  }
  testing::TemporaryFolder folder;
};

TEST_CASE("a file that cannot be written is refused with the reason, and nothing is left behind",
          "[common]") {
  const Places places;
  const auto [path, reason] = GENERATE(table<std::string, std::string>(
      {{"", "expected a file"},
       {".", "is a folder, expected a file"},
       {"new/", "is a folder, expected a file"},
       {"missing/x", "no such folder"},
       {"file/x", "cannot write: Not a directory"},
       {"loop_a", "cannot write: Too many levels of symbolic links"},
       {"loop_a/x", "cannot write: Too many levels of symbolic links"},
       {"dangling", "no such folder"},
       {"/dev/null", "is a device, a pipe or a socket, expected a file"},
       {"/proc/x", "cannot write: No such file or directory"},
       {std::string(300, 'n'), "cannot write: File name too long"},
       {std::string(5000, 'n'), "cannot write: File name too long"}}));
  const fs::path given = path.empty() || path[0] == '/' ? fs::path(path) : places.folder / path;
  INFO(path);
  CHECK_THROWS_AS(check_output_file("key=it", given), InputError);
  CHECK_THROWS_WITH(check_output_file("key=it", given),
                    Catch::StartsWith("key=it: ") && ContainsSubstring(reason));
  CHECK(places.is_as_before());
}

TEST_CASE("checking a writable file leaves no trace and follows links", "[common]") {
  const Places places;
  CHECK(check_output_file("key", places.folder / "new") == places.folder / "new");
  CHECK(check_output_file("key", places.folder / "file") == places.folder / "file");
  CHECK(check_output_file("key", places.folder / "link") == places.folder / "target");
  const std::string longest(255, 'n');  // no room for a longer temporary name
  CHECK(check_output_file("key", places.folder / longest) == places.folder / longest);
  CHECK(places.is_as_before());
  write_file(places.folder / longest, "whole");
  CHECK(read_file(places.folder / longest) == "whole");
}

TEST_CASE("a folder to be made is checked in its nearest existing parent", "[common]") {
  const Places places;
  check_output_folder("key", places.folder / "a/b/c/");
  check_output_folder("key", places.folder.path());
  const auto [path, reason] = GENERATE(
      table<std::string, std::string>({{"", "expected a folder"},
                                       {"file", "Not a directory"},
                                       {"file/a/b", "Not a directory"},
                                       {"loop_a/b", "Too many levels of symbolic links"},
                                       {"dangling/b", "No such file or directory"},
                                       {"a/" + std::string(300, 'n') + "/b", "File name too long"},
                                       {"/proc/a/b", "cannot write"}}));
  const fs::path given = path.empty() || path[0] == '/' ? fs::path(path) : places.folder / path;
  CHECK_THROWS_WITH(check_output_folder("key=it", given),
                    Catch::StartsWith("key=it: ") && ContainsSubstring(reason));
  CHECK(places.is_as_before());
}

TEST_CASE("a path is found to lie in a folder despite links and dots", "[common]") {
  const Places places;
  fs::create_directory(places.folder / "sub");
  fs::create_directory_symlink("sub", places.folder / "alias");
  CHECK(lies_in(places.folder / "alias/new/x", places.folder / "sub"));
  CHECK(lies_in(places.folder / "sub/", places.folder / "sub"));
  CHECK(lies_in(places.folder / "other/../sub/x", places.folder / "sub"));
  CHECK_FALSE(lies_in(places.folder / "subway/x", places.folder / "sub"));
  CHECK_FALSE(lies_in(places.folder / "sub/../x", places.folder / "sub"));
}

TEST_CASE("a file takes the place of a file, a folder that of a folder alone", "[common]") {
  const Places places;
  fs::create_directory(places.folder / "sub");
  CHECK_NOTHROW(check_kind(places.folder / "file", false));
  CHECK_NOTHROW(check_kind(places.folder / "loop_a", false));  // a link is replaced
  CHECK_NOTHROW(check_kind(places.folder / "sub", true));
  CHECK_NOTHROW(check_kind(places.folder / "gone", GENERATE(true, false)));
  CHECK_THROWS_WITH(check_kind(places.folder / "sub", false),
                    ContainsSubstring("sub: is a folder, and the run writes a file there"));
  CHECK_THROWS_WITH(check_kind(places.folder / "file", true),
                    ContainsSubstring("file: is not a folder, and the run makes one there"));
}

TEST_CASE("an error names what stands in place of a folder", "[common]") {
  const Places places;
  CHECK_FALSE(folder_problem(places.folder.path()));
  CHECK(folder_problem(places.folder / "file") == "is a file, not a folder");
  CHECK(folder_problem(places.folder / "gone") == "no such folder");
  CHECK(folder_problem("") == "the path is empty");
  CHECK_THAT(*folder_problem(places.folder / "loop_a"),
             ContainsSubstring("Too many levels of symbolic links"));
}

}  // namespace
}  // namespace chitu
