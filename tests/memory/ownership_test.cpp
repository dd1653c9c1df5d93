#include "chitu_core/memory/ownership.h"

#include "chitu_core/common/error.h"
#include "chitu_core/memory/component.h"
#include "tests/memory/toy_module.h"
#include "tests/support/catch.h"

namespace chitu::memory {
namespace {

/// Layers a.0, a.1 and a.2, as a test lists them; "a" may hold a weight of its own, too.
class Layered : public Module {
 public:
  Layered() {
    add_child("a.0", first);
    add_child("a.1", second);
    add_child("a.2", third);
  }
  using Module::add_child;
  using Module::add_parameter;
  std::vector<std::pair<std::string, Module*>> layers() override { return listed; }

  ToyLayer first, second, third;
  std::vector<std::pair<std::string, Module*>> listed{
      {"a.0", &first}, {"a.1", &second}, {"a.2", &third}};
};

TEST_CASE("every parameter belongs to one layer or to none", "[memory]") {
  Layered model;
  CHECK_NOTHROW(check_ownership(model));
  SECTION("weights outside") {
    model.add_parameter("bias", {3});
    CHECK_NOTHROW(check_ownership(model));
  }
  SECTION("no layers") {
    model.listed.clear();
    CHECK_NOTHROW(check_ownership(model));
  }
  SECTION("a child twice") {
    model.add_child("b", model.first);
    CHECK_THROWS_WITH(check_ownership(model),
                      "the parameter a.0.weight is registered as b.weight too");
  }
  SECTION("a name twice") {
    ToyLayer other;
    model.add_child("a.0", other);
    CHECK_THROWS_WITH(check_ownership(model), "two parameters are registered as a.0.weight");
  }
  SECTION("a layer that is left out") {
    model.listed.pop_back();
    CHECK_THROWS_WITH(check_ownership(model),
                      "no layer has the parameter a.2.scale, though others of a.* are layers");
  }
  SECTION("a layer under another name") {
    model.listed.back().first = "a.3";
    CHECK_THROWS_WITH(check_ownership(model),
                      "layer a.3: its parameter weight is not the module's a.3.weight");
  }
  SECTION("a layer in another's place") {
    model.listed.back().second = &model.first;
    CHECK_THROWS_WITH(check_ownership(model),
                      "layer a.2: its parameter weight is not the module's a.2.weight");
  }
  SECTION("a layer twice") {
    model.listed.push_back(model.listed.front());
    CHECK_THROWS_WITH(check_ownership(model), "layer a.0 is listed twice");
  }
}

TEST_CASE("a component with parameters that no module owns is refused", "[memory]") {
  const auto model = std::make_shared<Layered>();
  model->listed.pop_back();
  try {
    const Component component("transformer", model,
                              std::make_shared<DryRunWeights>(nullptr, at::kFloat));
    FAIL("expected a refusal");
  } catch (const Error& error) {
    CHECK_THAT(explain(error), Catch::Matchers::StartsWith("component transformer: ") &&
                                   Catch::ContainsSubstring("a.2.scale"));
  }
}

}  // namespace
}  // namespace chitu::memory
