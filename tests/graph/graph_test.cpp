#include "chitu_core/graph/graph.h"

#include "tests/graph/toy_stages.h"
#include "tests/support/catch.h"

namespace chitu::graph {
namespace {

// A graph hands out no component that a caller could load or free.
static_assert(
    std::is_same_v<decltype(Graph::StageInfo::components), std::vector<const memory::Component*>>);
static_assert(std::is_same_v<decltype(Graph::Lifetime::component), const memory::Component*>);

struct Recorder final : Observer {
  void stage_begin(std::string_view stage) override {
    log.push_back("begin " + std::string(stage));
  }
  void stage_end(std::string_view stage) override { log.push_back("end " + std::string(stage)); }
  void component_onloaded(std::string_view name, std::int64_t bytes) override {
    log.push_back("onload " + std::string(name) + " " + std::to_string(bytes));
  }
  void component_offloaded(std::string_view name) override {
    log.push_back("offload " + std::string(name));
  }
  std::vector<std::string> log;
};

memory::MemoryPlan plan_of_vae(memory::Residency residency) {
  memory::MemoryPlan plan;
  plan.components = {{"vae", memory::Role::vae, {residency}}};
  return plan;
}

TEST_CASE("a graph loads each component before its stage and connects the ports", "[pipeline]") {
  const testing::TemporaryFolder folder;
  const auto vae = toy_component(folder, "vae", 4);
  Graph graph;
  const auto number = graph.input<Number>();
  const auto sum = graph.add(Add{vae.get()}, number);
  const auto product = graph.add(Multiply{}, number, sum);

  Recorder recorder;
  Context context;
  context.plan = plan_of_vae(memory::Residency::resident);
  context.observers = {&recorder};
  SECTION("resident components stay") {
    CHECK(graph.run(Number{3}, product, context).value == "21");
    CHECK(recorder.log == std::vector<std::string>{"begin add", "onload vae 4", "end add",
                                                   "begin multiply", "end multiply"});
    CHECK(vae->onloaded());
  }
  SECTION("offloaded components leave when their stage ends") {
    context.plan = plan_of_vae(memory::Residency::offloaded);
    CHECK(graph.run(Number{3}, product, context).value == "21");
    CHECK(recorder.log[3] == "offload vae");
    CHECK_FALSE(vae->onloaded());
  }
}

TEST_CASE("for a stage that knows its output, no component is loaded", "[pipeline]") {
  const testing::TemporaryFolder folder;
  const auto vae = toy_component(folder, "vae", 4);
  Graph graph;
  const auto number = graph.input<Number>();
  const auto sum = graph.add(AddKnown{vae.get()}, number);
  Recorder recorder;
  Context context;
  context.plan = plan_of_vae(memory::Residency::offloaded);
  context.observers = {&recorder};
  CHECK(graph.run(Number{3}, sum, context).value == 7);
  CHECK(recorder.log == std::vector<std::string>{"begin add_known", "end add_known"});
  CHECK(graph.run(Number{30}, sum, context).value == 34);
  CHECK(recorder.log.size() == 6);  // onload and offload besides
}

TEST_CASE("an offloaded component is freed even when its stage throws", "[pipeline]") {
  const testing::TemporaryFolder folder;
  const auto vae = toy_component(folder, "vae", 4);
  Graph graph;
  const auto number = graph.input<Number>();
  const auto sum = graph.add(Add{vae.get(), true}, number);
  Context context;
  context.plan = plan_of_vae(memory::Residency::offloaded);
  try {
    graph.run(Number{3}, sum, context);
    FAIL("expected an error");
  } catch (const std::exception& error) {
    CHECK(explain(error) == "stage add: it broke");
  }
  CHECK_FALSE(vae->onloaded());
}

TEST_CASE("a run does not start another stage after a stop request", "[pipeline]") {
  const testing::TemporaryFolder folder;
  const auto vae = toy_component(folder, "vae", 4);
  Graph graph;
  const auto sum = graph.add(Add{vae.get()}, graph.input<Number>());
  std::stop_source source;
  source.request_stop();
  Context context;
  context.plan = plan_of_vae(memory::Residency::resident);
  context.stop = source.get_token();
  CHECK_THROWS_AS(graph.run(Number{3}, sum, context), Interrupted);
  CHECK_FALSE(vae->onloaded());
}

struct Hungry {
  using Inputs = std::tuple<Number>;
  using Output = Number;
  static constexpr std::string_view name = "hungry";
  std::vector<memory::Component*> components() const { return {}; }
  Number run(const Number& number, Context&) const {
    at::empty({std::int64_t{1} << 46});  // more bytes than the address space has
    return number;
  }
};

TEST_CASE("running out of memory has its own error type, with the stage", "[pipeline]") {
  Graph graph;
  const auto number = graph.add(Hungry{}, graph.input<Number>());
  Context context;
  try {
    graph.run(Number{3}, number, context);
    FAIL("expected an error");
  } catch (const std::exception& error) {
    CHECK(exit_code(error) == 3);
    CHECK_THAT(explain(error), Catch::ContainsSubstring("stage hungry: "));
    CHECK(explain(error).find('\n') == std::string::npos);
  }
}

TEST_CASE("a port of another graph and a second stage of one name are refused", "[pipeline]") {
  const testing::TemporaryFolder folder;
  const auto vae = toy_component(folder, "vae", 4);
  Graph graph, other;
  const auto number = graph.input<Number>();
  const auto foreign = other.input<Number>();
  CHECK_THROWS_WITH(graph.add(Add{vae.get()}, foreign), "stage add: a port of another graph");
  graph.add(Add{vae.get()}, number);
  CHECK_THROWS_WITH(graph.add(Add{vae.get()}, number), "graph: two stages are named add");
  CHECK_THROWS_WITH(graph.input<Number>(), "graph: inputs come before stages");
}

TEST_CASE("lifetimes span the stages that use a component", "[pipeline]") {
  const testing::TemporaryFolder folder;
  const auto vae = toy_component(folder, "vae", 4);
  Graph graph;
  const auto number = graph.input<Number>();
  graph.add(Multiply{}, number, number);
  graph.add(Add{vae.get()}, number);
  const auto lifetimes = graph.lifetimes();
  REQUIRE(lifetimes.size() == 1);
  CHECK(lifetimes[0].component == vae.get());
  CHECK(lifetimes[0].first_stage == 1);
  CHECK(lifetimes[0].last_stage == 1);
  CHECK(graph.slots()[0].last_reader == 1);
}

}  // namespace
}  // namespace chitu::graph
