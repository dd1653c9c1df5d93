#include "chitu_core/graph/execution.h"

#include "chitu_core/graph/values.h"
#include "chitu_core/models/schedulers/scheduler.h"
#include "tests/graph/toy_stages.h"
#include "tests/support/catch.h"

namespace chitu::graph {
namespace {

/// A number that can wait on disk.
struct Sum {
  static constexpr std::string_view value_name = "Sum";
  int value = 0;
  StoredValue to_stored() const {
    StoredValue stored;
    stored.add("value", at::full({1}, value));
    stored.add("double", 2 * value);
    return stored;
  }
  static Sum from_stored(const StoredValue& stored) {
    if (stored.number("double") != 2 * stored.tensor("value")[0].item<int>())
      throw InputError("no sum");
    return {stored.tensor("value")[0].item<int>()};
  }
};

/// Adds the weight of its component; several runs at once, of which those above 100 fail.
template <class From>
struct AddAll {
  using Inputs = std::tuple<From>;
  using Output = Sum;
  static constexpr std::string_view name = "add_all";
  memory::ModelComponent<OneWeight>* component;

  std::vector<memory::Component*> components() const { return {component}; }
  Sum run(const From& number, Context& context) const {
    return sole_outcome(run_several({{number}}, context));
  }
  std::vector<Outcome<Sum>> run_several(const std::vector<RunInputs<Inputs>>& runs,
                                        Context&) const {
    const int weight = component->model().weight.tensor.template item<int>();
    std::vector<Outcome<Sum>> outcomes;
    for (const auto& [number] : runs)
      outcomes.push_back(outcome_of([&, value = number.value] {
        if (value > 100) throw Error("too much");
        return Sum{value + weight};
      }));
    return outcomes;
  }
};
static_assert(StageForSeveral<AddAll<Number>> && !StageForSeveral<Add>);

struct Show {
  using Inputs = std::tuple<Sum, Number>;
  using Output = Text;
  static constexpr std::string_view name = "show";
  std::vector<memory::Component*> components() const { return {}; }
  Text run(const Sum& sum, const Number& number, Context&) const {
    return {std::to_string(number.value) + " to " + std::to_string(sum.value)};
  }
};

/// number -> first (a component) -> second (another) -> show
struct TwoLegs {
  testing::TemporaryFolder folder;
  std::unique_ptr<memory::ModelComponent<OneWeight>> first_part = toy_component(folder, "vae", 4);
  std::unique_ptr<memory::ModelComponent<OneWeight>> second_part =
      toy_component(folder, "transformer", 5);
  Graph graph;
  Port<Number> number = graph.input<Number>();
  Port<Sum> first = graph.add("first", AddAll<Number>{first_part.get()}, number);
  Port<Sum> second = graph.add("second", AddAll<Sum>{second_part.get()}, first);
  Port<Text> shown = graph.add(Show{}, second, number);
  Context context;

  TwoLegs() {
    context.plan.components = {
        {"vae", memory::Role::vae, {memory::Residency::offloaded}},
        {"transformer", memory::Role::transformer, {memory::Residency::offloaded}}};
  }
};

TEST_CASE("a run that is left between stages goes on from what was stored", "[graph]") {
  TwoLegs toy;
  Execution run(toy.graph, Number{1}, toy.shown);
  run_next_stage(run, toy.context);
  const StoredValue stored = run.store();
  CHECK(stored.number("first.double") == 10);
  CHECK(stored.tensor("first.value")[0].item<int>() == 5);

  Execution later(toy.graph, Number{1}, toy.shown);
  later.restore(stored, 1);
  while (!later.is_finished()) run_next_stage(later, toy.context);
  CHECK(later.take(toy.shown).value == "1 to 10");
  CHECK(toy.graph.run(Number{1}, toy.shown, toy.context).value == "1 to 10");
}

TEST_CASE("values that were stored are dropped, and given back", "[graph]") {
  TwoLegs toy;
  Execution run(toy.graph, Number{1}, toy.shown);
  run_next_stage(run, toy.context);
  const StoredValue stored = run.store();
  run.drop_stored();
  CHECK_THROWS(run_next_stage(run, toy.context));
  run.restore(stored, 1);
  run_next_stage(run, toy.context);
  CHECK(run.position() == 2);
}

TEST_CASE("stored values that are missing or damaged are refused", "[graph]") {
  TwoLegs toy;
  Execution run(toy.graph, Number{1}, toy.shown);
  CHECK_THROWS_WITH(run.restore({}, 1), "what stage first made is missing");
  StoredValue stored;
  stored.add("first.value", at::full({1}, 5));
  CHECK_THROWS_WITH(run.restore(stored, 1), "the entry \"double\" is missing");
  stored.texts["first.double"] = "ten";
  CHECK_THROWS_WITH(run.restore(stored, 1), "the entry \"double\": expected a number, got \"ten\"");
}

TEST_CASE("a value that cannot be stored is refused by its stage", "[graph]") {
  TwoLegs toy;
  Graph graph;
  const auto number = graph.input<Number>();
  const auto sum = graph.add("sum", Add{toy.first_part.get()}, number);
  const auto last = graph.add("last", Add{toy.second_part.get()}, sum);
  const Execution run(graph, Number{1}, last);
  CHECK_THROWS_WITH(run.check_storable(1), "the value Number of stage sum cannot be stored");
}

TEST_CASE("a value given for a slot leaves out the stages that it alone needed", "[graph]") {
  TwoLegs toy;
  Execution run(toy.graph, Number{1}, toy.shown);
  run.give(toy.first, Sum{30});
  CHECK(run.stages() == std::vector<std::size_t>{1, 2});
  run_to_end(run, toy.context);
  CHECK_FALSE(toy.first_part->onloaded());
  Execution begun(toy.graph, Number{1}, toy.shown);
  run_next_stage(begun, toy.context);
  CHECK_THROWS_WITH(begun.give(toy.first, Sum{30}), "a value was given to a run that has begun");
}

TEST_CASE("several runs take a stage together, and one that fails leaves the others", "[graph]") {
  TwoLegs toy;
  std::vector<Execution> runs;
  for (const int number : {1, 101, 2}) runs.emplace_back(toy.graph, Number{number}, toy.shown);
  std::vector<Execution*> all{&runs[0], &runs[1], &runs[2]};
  run_next_stage(all, toy.context);
  CHECK(runs[0].position() == 1);
  CHECK(runs[2].position() == 1);
  REQUIRE(runs[1].error());
  try {
    std::rethrow_exception(runs[1].error());
  } catch (const std::exception& error) {
    CHECK(explain(error) == "stage first: too much");
  }
  CHECK(toy.first_part->onloaded());
  offload_after(toy.graph, 0, 1, toy.context);
  CHECK_FALSE(toy.first_part->onloaded());
}

TEST_CASE("runs of different stages, or of one for a single run, do not go together", "[graph]") {
  TwoLegs toy;
  Execution one(toy.graph, Number{1}, toy.shown), other(toy.graph, Number{2}, toy.shown);
  std::vector<Execution*> both{&one, &other};
  run_next_stage(one, toy.context);
  CHECK_THROWS_WITH(run_next_stage(both, toy.context),
                    "stage second: the runs do not stand at the same stage");
  run_next_stage(one, toy.context);
  run_next_stage(other, toy.context);
  run_next_stage(other, toy.context);
  CHECK_THROWS_WITH(run_next_stage(both, toy.context),
                    "stage show does not compute for several runs at once");
}

TEST_CASE("legs end where the components change; stages without any go with the next", "[graph]") {
  TwoLegs toy;
  const Execution run(toy.graph, Number{1}, toy.shown);
  CHECK((legs_of(toy.graph, run.stages()) == std::vector<Leg>{{0, 0}, {1, 2}}));

  Graph graph;
  const auto number = graph.input<Number>();
  const auto copy = graph.add("copy", Add{toy.first_part.get()}, number);
  graph.add("again", Add{toy.first_part.get()}, copy);
  const auto text = graph.add("between", Multiply{}, number, copy);
  CHECK((legs_of(graph, {0, 1, 2}) == std::vector<Leg>{{0, 2}}));
  CHECK(text.slot == 3);
  CHECK((legs_of(graph, {2}) == std::vector<Leg>{{0, 0}}));
}

TEST_CASE("every value has the bits that were stored", "[graph]") {
  const Tokens tokens{at::arange(3).unsqueeze(0), {}};
  CHECK(at::equal(Tokens::from_stored(tokens.to_stored()).ids, tokens.ids));
  CHECK_FALSE(Tokens::from_stored(tokens.to_stored()).negative_ids.defined());
  const TextEmbeddings text{at::rand({1, 4, 2}), at::rand({1, 4, 2}), 3, 1};
  const auto again = TextEmbeddings::from_stored(text.to_stored());
  CHECK(at::equal(again.prompt_embeds, text.prompt_embeds));
  CHECK(at::equal(again.negative_prompt_embeds, text.negative_prompt_embeds));
  CHECK(again.prompt_tokens == 3);
  CHECK(again.negative_prompt_tokens == 1);
  const Frames frames{at::ones({1, 2, 2, 3}, at::kByte)};
  CHECK(at::equal(Frames::from_stored(frames.to_stored()).frames, frames.frames));
  const Latents latents{at::rand({1, 4, 1, 2, 2})};
  CHECK(at::equal(Latents::from_stored(latents.to_stored()).latents, latents.latents));
  CHECK_FALSE(Latents::from_stored(latents.to_stored()).steps_taken);
  CHECK_THROWS_WITH(Latents::from_stored({}), "the tensor \"latents\" is missing");
}

}  // namespace
}  // namespace chitu::graph
