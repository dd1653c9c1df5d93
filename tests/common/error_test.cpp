#include "chitu_core/common/error.h"

#include "tests/support/catch.h"

namespace chitu {
namespace {

TEST_CASE("the whole chain of an error stands on one line", "[common]") {
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

TEST_CASE("the exit code tells whose fault it was", "[common]") {
  CHECK(exit_code(InputError("x")) == 2);
  CHECK(exit_code(OutOfMemoryError("x")) == 3);
  CHECK(exit_code(Interrupted("x")) == 130);
  CHECK(exit_code(Error("x")) == 1);
  CHECK(exit_code(std::runtime_error("x")) == 1);
}

}  // namespace
}  // namespace chitu
