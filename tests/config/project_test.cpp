#include <cstdlib>
#include <filesystem>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/compose/compose.h"
#include "chitu_core/config/compose/job_composer.h"
#include "chitu_core/config/compose/sweep.h"
#include "chitu_core/config/value/json.h"
#include "tests/support/catch.h"
#include "tests/support/json_node.h"

namespace chitu::config {
namespace {

const std::filesystem::path kData = std::string(CHITU_TEST_DATA) + "/config";

std::vector<std::string> texts(const Node& list) {
  std::vector<std::string> texts;
  for (const Node& item : list.list()) texts.push_back(item.text());
  return texts;
}

/// The request of a single job: its overrides and those of Hydra's node, with hydra.job.num.
ComposeRequest job_request(const ComposeRequest& request, const SweepPlan& plan, std::size_t job) {
  ComposeRequest one = request;
  one.multirun = false;
  one.texts.clear();  // task_overrides hold them in quotes
  one.overrides = plan.master.hydra_overrides;
  for (std::string& text : plan.job(job)) one.overrides.push_back(std::move(text));
  one.job_num = static_cast<int>(job);
  return one;
}

/// A job composed with the shared parts of a sweep equals the job composed by itself.
void check_job(const ComposeRequest& request, const SweepPlan& plan, std::size_t job) {
  const auto composed = [](const auto& work) {
    try {
      return to_json(work().root);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
  };
  JobComposer composer(request, plan);
  CHECK(composed([&] { return composer.compose(job); }) ==
        composed([&] { return compose(job_request(request, plan, job)); }));
}

// Expected results recorded from hydra-core 1.3 by tests/config/against_hydra.py.
TEST_CASE("a project of configurations composes as under Hydra, key by key", "[config]") {
  setenv("CHITU_PROJECT_WHO", "someone", 1);
  const Node cases = testing::read_json(kData / "project.json");
  REQUIRE(cases.list().size() > 200);
  for (const Node& test : cases.list()) {
    ComposeRequest request;
    request.search_path.push_back({kData / "project", "main"});
    request.config_name = "config";
    request.overrides = texts(test.at("overrides"));
    INFO(join(request.overrides, " "));
    if (const Node* jobs = test.find("jobs")) {
      const SweepPlan plan = plan_sweep(request);
      REQUIRE(plan.size() == jobs->list().size());
      for (std::size_t i = 0; i < plan.size(); ++i) {
        CHECK(plan.job(i) == texts(jobs->list()[i]));
        check_job(request, plan, i);
      }
    } else if (test.at("config").is_null()) {
      CHECK_THROWS_AS(compose(request).resolved(), InputError);
    } else {
      CHECK(to_json(compose(request).resolved()) == to_json(test.at("config")));
    }
  }
}

}  // namespace
}  // namespace chitu::config
