#include "chitu_core/config/compose/compose.h"

#include <malloc.h>

#include "chitu_core/common/error.h"
#include "chitu_core/config/bind/binder.h"
#include "chitu_core/config/compose/explain.h"
#include "chitu_core/config/compose/info.h"
#include "chitu_core/config/compose/job_composer.h"
#include "chitu_core/config/compose/sweep.h"
#include "chitu_core/config/interpolate/resolvers.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/yaml/loader.h"
#include "tests/support/catch.h"

namespace chitu::config {
namespace {

ComposeRequest project(std::vector<std::string> overrides) {
  ComposeRequest request;
  request.search_path = {{std::filesystem::path(CHITU_TEST_DATA) / "config" / "project", "main"}};
  request.config_name = "config";
  request.overrides = std::move(overrides);
  return request;
}

struct Sampler {
  std::string name;
  int steps = 1;
  Node noise;
  void bind(Binder& binder) {
    binder.field("name", name);
    binder.field("steps", steps, between(1, 8));
    binder.field("noise", noise);
  }
};

}  // namespace

TEST_CASE("a composed node binds to a struct, and its errors name the override", "[config]") {
  CHECK(read<Sampler>(compose(project({"sampler=heun"}))["sampler"]).steps == 8);
  const Composition composed = compose(project({"sampler.steps=five"}));
  CHECK_THROWS_WITH(read<Sampler>(composed["sampler"]),
                    "sampler.steps=five: expected 1 to 8, got \"five\"");
}

TEST_CASE("the hydra node records how the configuration was composed", "[config]") {
  ComposeRequest request = project({"model=large", "hydra.verbose=true", "seed=3"});
  request.job_num = 4;
  const Composition composed = compose(request);
  CHECK(composed.task_overrides == std::vector<std::string>{"model=large", "seed=3"});
  CHECK(composed.hydra_overrides == std::vector<std::string>{"hydra.verbose=true"});
  CHECK(composed.config.find("hydra") == nullptr);
  const Node hydra = composed.hydra().resolved();
  CHECK(hydra.at("job.name").text() == "chitu");
  CHECK(hydra.at("job.override_dirname").text() == "model=large,seed=3");
  CHECK(hydra.at("sweep.subdir").as_integer() == 4);
  CHECK(hydra.at("runtime.choices.model").text() == "large");
  CHECK_THAT(hydra.at("run.dir").text(), Catch::ContainsSubstring("outputs/"));
}

TEST_CASE("explain shows every file and override that set a key", "[config]") {
  const auto chain = explain(compose(project({"experiment=big", "seed=9"})), "seed");
  REQUIRE(chain.size() == 3);
  CHECK_THAT(chain[0].place, Catch::ContainsSubstring("project/config.yaml:9:7"));
  CHECK(chain[1].config == "experiment/big");
  CHECK(chain[1].value.as_integer() == 11);
  CHECK(chain[2].place == "seed=9");
  CHECK_THROWS_WITH(explain(compose(project({})), "sed"),
                    Catch::ContainsSubstring("did you mean seed"));
}

TEST_CASE("an experiment with a misspelt key is warned about", "[config]") {
  const Composition composed = compose(project({"experiment=typo"}));
  REQUIRE(composed.warnings.size() == 1);
  CHECK_THAT(composed.warnings[0], Catch::ContainsSubstring("typo.yaml:2"));
  CHECK_THAT(composed.warnings[0], Catch::ContainsSubstring("promt, did you mean prompt?"));
}

TEST_CASE("a list without _self_ is warned about when both sides set a key", "[config]") {
  ComposeRequest request = project({});
  request.config_name = "no_self";
  const Composition composed = compose(request);
  CHECK(composed.config.at("model.layers").as_integer() == 5);
  REQUIRE(composed.warnings.size() == 1);
  CHECK_THAT(composed.warnings[0],
             Catch::ContainsSubstring("no_self.yaml:3: model.layers is also set by model/small"));
}

TEST_CASE("info lists the defaults with their packages", "[config]") {
  const Composition composed = compose(project({}));
  CHECK_THAT(info_text(composed, "defaults"), Catch::ContainsSubstring("| server/local "));
  CHECK_THAT(info_text(composed, "defaults-tree"),
             Catch::ContainsSubstring("sampler: euler:\n      sampler/noise: white\n"));
  CHECK_THAT(group_list(composed, false), Catch::ContainsSubstring("sampler/noise: pink, white\n"));
}

TEST_CASE("each job of a sweep has its number", "[config]") {
  ComposeRequest request = project({"seed=1,2", "title='x,y'"});
  request.texts = {{"prompt", "a, b = c"}};
  const SweepPlan plan = plan_sweep(request);
  REQUIRE(plan.size() == 2);
  const Composition second = JobComposer(request, plan).compose(1);
  CHECK(second.config.at("seed").as_integer() == 2);
  CHECK(second.config.at("prompt").text() == "a, b = c");
  CHECK(second.root.at("hydra.job.num").as_integer() == 1);
}

TEST_CASE("jobs of a sweep are composed from their indices", "[config]") {
  const SweepPlan plan = plan_sweep(project({"seed=range(0,1000)", "title=range(0,1000)"}));
  CHECK(plan.size() == 1'000'000);
  CHECK(plan.job(999'998) == std::vector<std::string>{"seed=999", "title=998"});
  const SweepPlan some = plan_sweep(project({"seed=1,1", "title=a", "sampler=heun,euler"}));
  CHECK(some.size() == 4);
  CHECK(some.differences(3) == std::vector<std::string>{"sampler=euler"});
  CHECK(plan_sweep(project({"seed=1"})).differences(0) == std::vector<std::string>{"seed=1"});
  CHECK_THROWS_WITH(plan_sweep(project({"seed=range(0,1001)", "title=range(0,1001)"})),
                    Catch::ContainsSubstring("more than 1000000 jobs"));
}

TEST_CASE("memory does not grow with the number of composed jobs", "[config]") {
  const ComposeRequest request = project({"seed=range(0,5000)", "sampler=heun,euler"});
  const SweepPlan plan = plan_sweep(request);
  JobComposer composer(request, plan);
  const auto held_after = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      REQUIRE(composer.compose(i).config.at("seed").as_integer() == static_cast<int>(i / 2));
    return ::mallinfo2().uordblks;
  };
  const std::size_t few = held_after(0, 100);
  CHECK(held_after(100, 10'000) <= few + 65'536);
}

TEST_CASE("programs register resolvers", "[config]") {
  static int calls = 0;  // the resolver lives as long as the program
  register_resolver(
      "test.twice",
      [](const ResolverCall& call) {
        ++calls;
        if (call.arguments.size() != 1) throw ConfigError("expected one number");
        return Node(call.arguments[0].as_integer() * 2);
      },
      Caching::by_arguments);
  const Node root = parse_yaml("a: ${test.twice:4}\nb: ${test.twice:${c}}\nc: 4\n", "f");
  CHECK(resolve(root).at("b").as_integer() == 8);
  CHECK(resolve(root).at("a").as_integer() == 8);
  CHECK(calls == 1);
  CHECK_THROWS_WITH(resolve(parse_yaml("a: ${test.twice:}", "f")),
                    Catch::ContainsSubstring("f:1: a: cannot resolve ${test.twice:}"));
  CHECK_THROWS_AS(register_resolver("test.twice", nullptr), Error);
  CHECK_THROWS_AS(register_resolver("oc.env", nullptr), Error);
  CHECK_THROWS_WITH(resolve(parse_yaml("a: ${test.thrice:4}", "f")),
                    Catch::ContainsSubstring("unknown resolver test.thrice"));
}

TEST_CASE("now has microseconds and no time zone, as Python's datetime", "[config]") {
  const auto now = [](const std::string& format) {
    const Node root = parse_yaml("a: \"${now:'" + format + "'}\"\n", "f");
    return resolve(root).at("a").text();
  };
  CHECK(now("%f").size() == 6);
  CHECK(now("%f").find_first_not_of("0123456789") == std::string::npos);
  CHECK(now("%%f|%z|%Z|%") == "%f|||%");
  CHECK(now("%Y-%m-%d").size() == 10);
  CHECK(now("%f") == now("%f"));  // one moment for the whole run
}

TEST_CASE("an environment variable that is not UTF-8 is refused with its name", "[config]") {
  setenv("CHITU_BAD_TEXT", "a\xFF", 1);
  CHECK_THROWS_WITH(resolve(parse_yaml("p: ${oc.env:CHITU_BAD_TEXT}", "f")),
                    Catch::ContainsSubstring("CHITU_BAD_TEXT is not valid UTF-8 at byte 2"));
}

TEST_CASE("interpolations that grow exponentially are stopped", "[config]") {
  std::string text = "a0: xxxxxxxxxx\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "${a" + std::to_string(i - 1) + "}";
    text += "a" + std::to_string(i) + ": " + before + before + "\n";
  }
  CHECK_THROWS_AS(resolve(parse_yaml(text, "f")), ConfigError);
  std::string chain = "a0: 1\n";
  for (int i = 1; i < 2'000; ++i)
    chain += "a" + std::to_string(i) + ": ${a" + std::to_string(i - 1) + "}\n";
  CHECK_THROWS_WITH(resolve(parse_yaml(chain, "f")), Catch::ContainsSubstring("nested deeper"));
}

}  // namespace chitu::config
