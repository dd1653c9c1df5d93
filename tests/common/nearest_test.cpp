#include "chitu_core/common/nearest.h"

#include "tests/support/catch.h"

namespace chitu {
namespace {

TEST_CASE("a typing error finds the name that was meant", "[common]") {
  const std::vector<std::string> keys{"width", "height", "num_frames", "num_inference_steps",
                                      "seed"};
  CHECK(nearest("widht", keys) == std::vector<std::string>{"width"});
  CHECK(nearest("NUM_FRAMES", keys).front() == "num_frames");
  CHECK(nearest("frames", keys).front() == "num_frames");
  CHECK(nearest("zzzzzzzz", keys).empty());
  CHECK(did_you_mean("sede", keys) == ", did you mean seed?");
  CHECK(did_you_mean("zzzzzzzz", keys).empty());
}

TEST_CASE("names with little in common are not suggested", "[common]") {
  CHECK(nearest("zz", {"db", "x", "ab"}).empty());
  CHECK(nearest("ab", {"b", "cd"}).empty());
  CHECK(nearest("bd", {"db"}) == std::vector<std::string>{"db"});
  CHECK(nearest("request.zz", {"request.fps", "request.seed"}).empty());
  CHECK(nearest("request.sed", {"request.fps", "request.seed"}) ==
        std::vector<std::string>{"request.seed"});
  CHECK(nearest("cat", {"decatlon", "the_cat"}) == std::vector<std::string>{"the_cat"});
  CHECK(nearest("n\xC3\xA9w", {"new"}) == std::vector<std::string>{"new"});  // one character
}

TEST_CASE("a name that is known is no hint for itself", "[common]") {
  CHECK(did_you_mean("seed", {"seed"}).empty());
  CHECK(did_you_mean("seed", {"seed", "seeds"}) == ", did you mean seeds?");
}

}  // namespace
}  // namespace chitu
