#include "chitu_core/common/expected.h"

#include "tests/support/catch.h"

namespace chitu {
namespace {

const std::vector<std::string> kKnown{"run", "plan", "graph"};

TEST_CASE("an unknown name is told with all names, and the near ones once more", "[common]") {
  CHECK(expected_one_of("zzz", kKnown) == "expected one of run, plan, graph");
  CHECK(expected_one_of("pla", kKnown) == "expected one of run, plan, graph, did you mean plan?");
}

TEST_CASE("where near names are enough, all are listed only when none is near", "[common]") {
  CHECK(near_or_all("pla", kKnown) == ", did you mean plan?");
  CHECK(near_or_all("zzz", kKnown) == ", expected one of run, plan, graph");
  CHECK(near_or_all("zzz", {}).empty());
}

}  // namespace
}  // namespace chitu
