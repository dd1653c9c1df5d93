#include "chitu_core/common/error.h"

#include <csignal>
#include <filesystem>

#include "chitu_core/common/about_key.h"
#include "chitu_core/common/interrupted_by.h"
#include "tests/support/catch.h"

namespace chitu {
namespace {

TEST_CASE("the whole chain of an error is printed on one line", "[common]") {
  try {
    with_context("stage decode", [] {
      with_context("layer 3", []() -> void { throw OutOfMemoryError("out of memory"); });
    });
    FAIL("expected an error");
  } catch (const std::exception& error) {
    CHECK(explain(error) == "stage decode: layer 3: out of memory");
    CHECK(exit_code(error) == 3);
  }
}

TEST_CASE("a message of several lines becomes one, without libtorch's backtrace", "[common]") {
  CHECK(explain(Error("expected one of:\n  a\n  b\n")) == "expected one of: a; b");
  CHECK(explain(Error("no room\nException raised from f at g.cpp:1 (most recent call first):\n"
                      "frame #0: c10::Error::Error")) == "no room");
}

TEST_CASE("a file system error names the path and is an input error", "[common]") {
  try {
    static_cast<void>(std::filesystem::file_size("/no/such/file"));
    FAIL("expected an error");
  } catch (const std::exception& error) {
    CHECK(explain(error) == "/no/such/file: No such file or directory");
    CHECK(exit_code(error) == 2);
  }
  try {
    about_key("hydra.run.dir", [] { throw InputError("/x: is a file"); });
    FAIL("expected an error");
  } catch (const InputError& error) {
    CHECK(explain(error) == "hydra.run.dir: /x: is a file");
  }
}

TEST_CASE("the exit code shows the kind of error", "[common]") {
  CHECK(exit_code(InputError("x")) == 2);
  CHECK(exit_code(OutOfMemoryError("x")) == 3);
  CHECK(exit_code(Interrupted("x")) == 130);
  CHECK(exit_code(InterruptedBy(SIGINT, "x")) == 130);
  CHECK(exit_code(InterruptedBy(SIGTERM, "x")) == 143);
  CHECK(exit_code(InterruptedBy(SIGHUP, "x")) == 129);
  CHECK(exit_code(Error("x")) == 1);
  CHECK(exit_code(std::runtime_error("x")) == 1);
}

}  // namespace
}  // namespace chitu
