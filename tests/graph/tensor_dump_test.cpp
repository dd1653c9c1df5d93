#include "chitu_core/graph/tensor_dump.h"

#include <ATen/ATen.h>

#include "tests/support/catch.h"

namespace chitu::graph {
namespace {

TEST_CASE("a dump keeps its own float32 copy", "[pipeline]") {
  TensorDump dump;
  at::Tensor tensor = at::ones({2});
  dump.put("a", tensor);
  tensor.zero_();
  dump.put("b", at::ones({2}, at::kBFloat16));
  dump.put("ids", at::ones({2}, at::kLong));
  REQUIRE(dump.tensors().size() == 3);
  CHECK(at::equal(dump.tensors()[0].second, at::ones({2})));
  CHECK(dump.tensors()[1].second.scalar_type() == at::kFloat);
  CHECK(dump.tensors()[2].second.scalar_type() == at::kLong);
  dump.put("a", tensor);
  CHECK(dump.tensors().size() == 3);
  CHECK(at::equal(dump.tensors()[0].second, at::zeros({2})));
}

}  // namespace
}  // namespace chitu::graph
