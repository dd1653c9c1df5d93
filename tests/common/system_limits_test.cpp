#include "chitu_core/common/system_limits.h"

#include <cerrno>
#include <new>
#include <system_error>

#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/lower_limit.h"

namespace chitu {
namespace {

TEST_CASE("an exhausted system resource ends with the exit code of resources", "[common]") {
  CHECK(exit_code(std::bad_alloc()) == 3);
  CHECK(exit_code(SystemLimitError("x")) == 3);
  for (const int refused : {EAGAIN, ENOMEM, EMFILE, ENFILE})
    CHECK(exit_code(std::system_error(refused, std::generic_category())) == 3);
  CHECK(exit_code(std::system_error(ENOENT, std::generic_category())) == 1);
  try {
    with_context("stage save", []() -> void { throw std::bad_alloc(); });
  } catch (const std::exception& error) {
    CHECK(exit_code(error) == 3);
    CHECK(is_system_limit(error));
    CHECK_THAT(explain(error), Catch::StartsWith("stage save: out of memory: Cannot allocate"));
  }
}

TEST_CASE("a failed system call is an input error or a system limit, by its error number",
          "[common]") {
  CHECK_THROWS_AS(fail_system_call("a.txt", ENOENT), InputError);
  CHECK_THROWS_WITH(fail_system_call("a.txt", ENOENT), "a.txt: No such file or directory");
  CHECK_THROWS_AS(fail_system_call("cannot start a process", EAGAIN), SystemLimitError);
}

TEST_CASE("an error about missing file descriptors says how many the process may have",
          "[common]") {
  const testing::LowerLimit limit(RLIMIT_NOFILE, 3);
  CHECK_THROWS_AS(read_file("/proc/self/stat"), SystemLimitError);
  CHECK_THROWS_WITH(read_file("/proc/self/stat"),
                    "/proc/self/stat: Too many open files (ulimit -n 3)");
}

}  // namespace
}  // namespace chitu
