#include "chitu_core/common/nearest.h"

#include "tests/support/catch.h"

namespace chitu {
namespace {

TEST_CASE("a slip of the hand finds the name that was meant", "[common]") {
  const std::vector<std::string> keys{"width", "height", "num_frames", "num_inference_steps",
                                      "seed"};
  CHECK(nearest("widht", keys) == std::vector<std::string>{"width"});
  CHECK(nearest("NUM_FRAMES", keys).front() == "num_frames");
  CHECK(nearest("frames", keys).front() == "num_frames");
  CHECK(nearest("zzzzzzzz", keys).empty());
  CHECK(did_you_mean("sede", keys) == ", did you mean seed?");
  CHECK(did_you_mean("zzzzzzzz", keys).empty());
}

}  // namespace
}  // namespace chitu
