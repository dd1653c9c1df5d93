#include "chitu_core/common/registry.h"

#include "tests/support/catch.h"

namespace chitu {
namespace {

struct Animal {
  virtual ~Animal() = default;
};
struct Cat final : Animal {};
struct Dog final : Animal {};
CHITU_REGISTER(Animal, Cat, "cat");
CHITU_REGISTER(Animal, Dog, "dog");

TEST_CASE("a registered object is found by its name", "[common]") {
  const auto& animals = Registry<Animal>::instance();
  CHECK(animals.names() == std::vector<std::string>{"cat", "dog"});
  CHECK(animals.find("cat") != nullptr);
  CHECK(animals.find("cow") == nullptr);
  CHECK_THROWS_WITH(animals.at("cow", "animal"), "unknown animal cow, expected one of cat, dog");
  CHECK_THROWS_WITH(Registry<Animal>::instance().add("cat", std::make_unique<Cat>()),
                    "cat is registered twice");
}

}  // namespace
}  // namespace chitu
