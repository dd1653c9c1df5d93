#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "chitu_core/graph/graph.h"
#include "chitu_core/io/checkpoint.h"
#include "chitu_core/io/safetensors.h"
#include "tests/support/temporary_folder.h"

namespace chitu::graph {

struct Number {
  static constexpr std::string_view value_name = "Number";
  int value = 0;
};
struct Text {
  static constexpr std::string_view value_name = "Text";
  std::string value;
};

class OneWeight : public memory::Module {
 public:
  OneWeight() : weight(add_parameter("weight", {1})) {}
  memory::Parameter& weight;
};

/// A component of one weight that holds `value`, with a name that the plan knows.
inline std::unique_ptr<memory::ModelComponent<OneWeight>> toy_component(
    const testing::TemporaryFolder& folder, const std::string& name, float value) {
  const auto path = folder / name;
  std::filesystem::create_directories(path);
  io::write_safetensors(path / "model.safetensors", {{"weight", at::full({1}, value)}});
  return std::make_unique<memory::ModelComponent<OneWeight>>(
      name, std::make_shared<OneWeight>(), std::make_shared<memory::FileWeights>(path));
}

/// Adds its component's weight to the number.
struct Add {
  using Inputs = std::tuple<Number>;
  using Output = Number;
  static constexpr std::string_view name = "add";
  memory::ModelComponent<OneWeight>* component;
  bool fails = false;

  std::vector<memory::Component*> components() const { return {component}; }
  Number run(const Number& number, Context&) const {
    if (fails) throw Error("it broke");
    return {number.value + component->model().weight.tensor.item<int>()};
  }
};

/// As Add, but knows the sum of small numbers without its component.
struct AddKnown {
  using Inputs = std::tuple<Number>;
  using Output = Number;
  static constexpr std::string_view name = "add_known";
  memory::ModelComponent<OneWeight>* component;

  std::vector<memory::Component*> components() const { return {component}; }
  std::optional<Number> known(const Number& number, Context&) const {
    if (number.value > 9) return std::nullopt;
    return Number{number.value + 4};
  }
  Number run(const Number& number, Context& context) const {
    return Add{component}.run(number, context);
  }
};

struct Multiply {
  using Inputs = std::tuple<Number, Number>;
  using Output = Text;
  static constexpr std::string_view name = "multiply";

  std::vector<memory::Component*> components() const { return {}; }
  Text run(const Number& a, const Number& b, Context&) const {
    return {std::to_string(a.value * b.value)};
  }
};
static_assert(Stage<Add> && Stage<Multiply>);
static_assert(StageWithKnownOutput<AddKnown> && !StageWithKnownOutput<Add>);
static_assert(!Stage<Number>);

}  // namespace chitu::graph
