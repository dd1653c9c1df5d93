#include <algorithm>

#include "chitu_core/device/device.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/graph/graph.h"
#include "chitu_core/graph/graph_text.h"
#include "tests/graph/toy_stages.h"
#include "tests/support/catch.h"

namespace chitu::graph {
namespace {

using memory::Residency;

/// A given number of float32 weights, all of one value.
class Weights : public memory::Module {
 public:
  explicit Weights(std::int64_t count) : weight(add_parameter("weight", {count})) {}
  memory::Parameter& weight;
};
using Expert = memory::ModelComponent<Weights>;

std::unique_ptr<Expert> expert(const testing::TemporaryFolder& folder, const std::string& name,
                               std::int64_t count, float value) {
  const auto path = folder / name;
  std::filesystem::create_directories(path);
  io::write_safetensors(path / "model.safetensors", {{"weight", at::full({count}, value)}});
  return std::make_unique<Expert>(name, std::make_shared<Weights>(count),
                                  std::make_shared<memory::FileWeights>(path));
}

/// Adds the first weight of its component; fails if the sum would exceed 100.
struct AddFirst {
  using Inputs = std::tuple<Number>;
  using Output = Number;
  static constexpr std::string_view name = "add_first";
  Expert* component;

  std::vector<memory::Component*> components() const { return {component}; }
  Number run(const Number& number, Context&) const {
    const int sum = number.value + component->model().weight.tensor[0].item<int>();
    if (sum > 100) throw Error("too much");
    return {sum};
  }
};

struct Recorder final : Observer {
  explicit Recorder(c10::Device on) : device(on) {}
  void stage_begin(std::string_view stage) override {
    device::reset_peak(device);
    log.push_back("begin " + std::string(stage));
  }
  void stage_end(std::string_view) override {
    peaks.push_back(device::memory_use(device).peak_bytes - before);
  }
  void component_onloaded(std::string_view name, std::int64_t) override {
    log.push_back("onload " + std::string(name));
  }
  void component_offloaded(std::string_view name) override {
    log.push_back("offload " + std::string(name));
  }
  c10::Device device;
  std::int64_t before = device::memory_use(device).allocated_bytes;
  std::vector<std::string> log;
  std::vector<std::int64_t> peaks;
};

/// Two uses of one stage type with a component each: 1 KiB and 2 KiB of weights.
struct TwoExperts {
  static constexpr std::int64_t kFirstBytes = 1024, kSecondBytes = 2048;
  testing::TemporaryFolder folder;
  c10::Device sim = device::configure_sim({});
  std::unique_ptr<Expert> first = expert(folder, "transformer", kFirstBytes / 4, 4);
  std::unique_ptr<Expert> second = expert(folder, "vae", kSecondBytes / 4, 5);
  Graph graph;
  Port<Number> number = graph.input<Number>();
  Port<Number> high = graph.add("high_noise", AddFirst{first.get()}, number);
  Port<Number> low = graph.add("low_noise", AddFirst{second.get()}, high);
  Recorder recorder{sim};
  Context context;

  explicit TwoExperts(Residency residency) {
    context.plan.device = sim;
    context.plan.components = {{"transformer", memory::Role::transformer, {residency, sim}},
                               {"vae", memory::Role::vae, {residency, sim}}};
    context.observers = {&recorder};
  }
  ~TwoExperts() {
    first->offload();
    second->offload();
  }
};

TEST_CASE("a stage type can be added under two names, with a component for each use", "[graph]") {
  TwoExperts toy(Residency::offloaded);
  CHECK(toy.graph.run(Number{3}, toy.low, toy.context).value == 12);
  CHECK(toy.recorder.log == std::vector<std::string>{"begin high_noise", "onload transformer",
                                                     "offload transformer", "begin low_noise",
                                                     "onload vae", "offload vae"});
  CHECK_THROWS_WITH(toy.graph.add("low_noise", AddFirst{toy.first.get()}, toy.number),
                    "graph: two stages are named low_noise");
  Graph other;
  CHECK_THROWS_WITH(other.add("middle", AddFirst{toy.first.get()}, toy.number),
                    "stage middle: a port of another graph");
  try {
    toy.graph.run(Number{95}, toy.low, toy.context);
    FAIL("expected an error");
  } catch (const std::exception& error) {
    CHECK(explain(error) == "stage low_noise: too much");
  }
}

TEST_CASE("of two offloaded experts the device holds one at a time, of two resident ones both",
          "[graph]") {
  const auto peaks_of = [](Residency residency) {
    TwoExperts toy(residency);
    toy.graph.run(Number{3}, toy.low, toy.context);
    return toy.recorder.peaks;
  };
  CHECK(peaks_of(Residency::offloaded) ==
        std::vector{TwoExperts::kFirstBytes, TwoExperts::kSecondBytes});
  CHECK(peaks_of(Residency::resident) ==
        std::vector{TwoExperts::kFirstBytes, TwoExperts::kFirstBytes + TwoExperts::kSecondBytes});
}

/// One component for three uses: two in a row, and one after a stage that does not use it.
struct ThreeUses {
  testing::TemporaryFolder folder;
  std::unique_ptr<Expert> model = expert(folder, "vae", 1, 4);
  std::unique_ptr<Expert> between = expert(folder, "transformer", 1, 0);
  Graph graph;
  Port<Number> number = graph.input<Number>();
  Port<Number> first = graph.add("first", AddFirst{model.get()}, number);
  Port<Number> second = graph.add("second", AddFirst{model.get()}, first);
  Port<Number> other = graph.add("other", AddFirst{between.get()}, second);
  Port<Number> last = graph.add("last", AddFirst{model.get()}, other);
  Recorder recorder{c10::kCPU};
  Context context;

  ThreeUses() {
    context.plan.components = {{"transformer", memory::Role::transformer, {Residency::offloaded}},
                               {"vae", memory::Role::vae, {Residency::offloaded}}};
    context.observers = {&recorder};
  }
  auto count(const std::string& event) const { return std::ranges::count(recorder.log, event); }
};

TEST_CASE("a component stays loaded for consecutive uses, and a later use is a lifetime of its own",
          "[graph]") {
  ThreeUses toy;
  CHECK(toy.graph.run(Number{3}, toy.last, toy.context).value == 15);
  CHECK(toy.count("onload vae") == 2);
  CHECK(toy.count("offload vae") == 2);
  const auto lifetimes = toy.graph.lifetimes();
  REQUIRE(lifetimes.size() == 3);
  CHECK(lifetimes[0].component == toy.model.get());
  CHECK(lifetimes[0].first_stage == 0);
  CHECK(lifetimes[0].last_stage == 1);
  CHECK(lifetimes[1].component == toy.between.get());
  CHECK(lifetimes[2].component == toy.model.get());
  CHECK(lifetimes[2].first_stage == 3);
  CHECK(lifetimes[2].last_stage == 3);
  using Catch::ContainsSubstring;
  CHECK_THAT(to_text(toy.graph), ContainsSubstring("vae          first .. second\n") &&
                                     ContainsSubstring("vae          last .. last\n"));
  CHECK_THAT(to_mermaid(toy.graph),
             ContainsSubstring("component_vae[(\"vae<br/>first .. second<br/>last .. last\")]\n"));
  CHECK_THAT(to_dot(toy.graph), ContainsSubstring("vae\\nfirst .. second\\nlast .. last"));
}

TEST_CASE("a component kept for its next use is freed if that use is not reached", "[graph]") {
  ThreeUses toy;
  SECTION("because nobody wants its value") {
    toy.graph.run(Number{3}, toy.first, toy.context);
    CHECK(toy.count("offload vae") == 1);
  }
  SECTION("because the run is stopped between the two") {
    std::stop_source source;
    toy.context.stop = source.get_token();
    struct Stop final : Observer {
      explicit Stop(std::stop_source& source) : source_(source) {}
      void stage_end(std::string_view) override { source_.request_stop(); }
      std::stop_source& source_;
    } stop{source};
    toy.context.observers.push_back(&stop);
    CHECK_THROWS_AS(toy.graph.run(Number{3}, toy.last, toy.context), Interrupted);
  }
  SECTION("because the first fails") {
    CHECK_THROWS(toy.graph.run(Number{99}, toy.last, toy.context));
  }
  CHECK_FALSE(toy.model->onloaded());
}

}  // namespace
}  // namespace chitu::graph
