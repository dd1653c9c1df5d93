#include "chitu_core/memory/layer_walk.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace chitu::memory {
namespace {

struct Layer : Module {
  explicit Layer(std::int64_t width, at::ScalarType dtype = at::kFloat) {
    add_parameter("weight", {width, width}).dtype = dtype;
  }
};

struct Told final : LayerObserver {
  void before_layer(std::int64_t index) override { events.push_back(fmt::format("+{}", index)); }
  void after_layer(std::int64_t index) override { events.push_back(fmt::format("-{}", index)); }
  std::vector<std::string> events;
};

using Layers = std::vector<std::unique_ptr<Layer>>;

Layers of_widths(const std::vector<std::int64_t>& widths) {
  Layers layers;
  for (const std::int64_t width : widths) layers.push_back(std::make_unique<Layer>(width));
  return layers;
}

/// The layers that a pass computes, and the events of its observer.
struct Walked {
  std::vector<std::int64_t> computed;
  std::vector<std::string> events;
};

Walked walk(const Layers& layers) {
  Told told;
  Walked walked;
  LayerWalk walk(&told);
  for (std::size_t i = 0; i < layers.size(); ++i)
    walk.layer(*layers[i], {}, [&] { walked.computed.push_back(static_cast<std::int64_t>(i)); });
  walked.events = std::move(told.events);
  return walked;
}

Walked plan(const Layers& layers) {
  const c10::InferenceMode inference;
  const device::DryRun dry_run({});
  return walk(layers);
}

TEST_CASE("a dry run computes the first layer and one of each kind, and its observer gets all",
          "[memory]") {
  const Walked planned = plan(of_widths({4, 4, 4, 8, 4, 8}));
  CHECK(planned.computed == std::vector<std::int64_t>{0, 1, 3});
  CHECK(planned.events == std::vector<std::string>{"+0", "-0", "+1", "-1", "+2", "-2", "+3", "-3",
                                                   "+4", "-4", "+5", "-5"});
}

TEST_CASE("a run computes every layer between its two events", "[memory]") {
  const Walked run = walk(of_widths({4, 4, 4}));
  CHECK(run.computed == std::vector<std::int64_t>{0, 1, 2});
  CHECK(run.events == std::vector<std::string>{"+0", "-0", "+1", "-1", "+2", "-2"});
}

TEST_CASE("layers of other dtypes or trees are of another kind", "[memory]") {
  const Layer plain(4), narrow(4, at::kBFloat16), wide(8);
  CHECK(plain.is_like(Layer(4)));
  CHECK_FALSE(plain.is_like(narrow));
  CHECK_FALSE(plain.is_like(wide));
  struct Parent : Module {
    explicit Parent(Module& child) { add_child("child", child); }
  };
  Layer first(4), second(4), third(8);
  CHECK(Parent(first).is_like(Parent(second)));
  CHECK_FALSE(Parent(first).is_like(Parent(third)));
  CHECK_FALSE(Parent(first).is_like(plain));
}

}  // namespace
}  // namespace chitu::memory
