#include "chitu_core/cache/params.h"

#include <algorithm>
#include <string>
#include <vector>

#include "chitu_core/cache/cache.h"
#include "chitu_core/common/error.h"
#include "tests/support/catch.h"

namespace chitu::cache {
namespace {

std::string refusal(const Choice& choice) {
  try {
    find_cache(choice);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("an unknown cache is refused with the known ones", "[cache]") {
  const std::string text = refusal({"teacach"});
  CHECK_THAT(text, Catch::ContainsSubstring("request.flexcache=teacach: unknown cache"));
  CHECK_THAT(text, Catch::ContainsSubstring("did you mean teacache"));
}

TEST_CASE("a parameter that the cache does not have is refused with the near one", "[cache]") {
  const std::string text = refusal({"taylorseer", {{"ordr", 1.0}}});
  CHECK_THAT(text, Catch::ContainsSubstring("request.flexcache_params.ordr: taylorseer has no"));
  CHECK_THAT(text, Catch::ContainsSubstring("did you mean order"));
}

TEST_CASE("a parameter out of range or of another kind is refused with what is expected",
          "[cache]") {
  CHECK(refusal({"taylorseer", {{"order", 1.5}}}) ==
        "request.flexcache_params.order=1.5: expected an integer from 0 to 4");
  CHECK(refusal({"taylorseer", {{"order", 9.0}}}) ==
        "request.flexcache_params.order=9: expected an integer from 0 to 4");
  CHECK(refusal({"teacache", {{"retention", 1.0}}}) ==
        "request.flexcache_params.retention=1: expected true or false");
  CHECK(refusal({"teacache", {{"coefficients", std::vector<double>{}}}}) ==
        "request.flexcache_params.coefficients=[]: expected a list of numbers from -1000000000000 "
        "to 1000000000000");
  CHECK(refusal({"teacache", {{"threshold", true}}}) ==
        "request.flexcache_params.threshold=true: expected a number from 0 to 100");
}

TEST_CASE("every cache has the common parameters, and no name twice", "[cache]") {
  for (const auto& [name, cache] : Registry<Cache>::instance().entries()) {
    CAPTURE(name);
    std::vector<std::string> names;
    for (const ParamSpec& spec : params_of(*cache)) names.push_back(spec.name);
    for (const ParamSpec& spec : common_params()) CHECK(std::ranges::count(names, spec.name) == 1);
    std::ranges::sort(names);
    CHECK(std::ranges::adjacent_find(names) == names.end());
  }
}

}  // namespace
}  // namespace chitu::cache
