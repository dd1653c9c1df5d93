#include "tools/chitu/plan_command.h"

#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/device/host_allocator.h"
#include "chitu_core/memory/levels.h"
#include "pipelines/plan_report.h"
#include "tools/chitu/dry_plan.h"
#include "tools/chitu/plan_text.h"
#include "tools/chitu/progress.h"
#include "tools/chitu/settings.h"

namespace chitu::tools {
namespace {

/// A plan needs no prompt. Returns whether there was none.
bool fill_in_prompt(config::Composition& composition) {
  config::Node* prompt = composition.config.find("request.prompt");
  if (!prompt || !prompt->is_missing()) return false;
  *prompt = config::Node::literal("");
  return true;
}

std::optional<std::int64_t> parse_fit(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto bytes = parse_bytes(*text);
  if (!bytes || *bytes == 0)
    throw InputError("--fit " + *text + ": expected " +
                     (lacks_unit(*text) ? kUnitAdvice : "a size such as 16GiB or 512MiB"));
  return bytes;
}

/// The plans of the level that is given, or of all.
std::vector<memory::MemoryPlan> plans_of(const pipelines::EngineOptions& options, bool of_level) {
  pipelines::ModelFolder::open(options.ckpt_dir);  // says when it is no checkpoint
  const int given = options.memory.low_mem_level.value_or(0);
  std::vector<memory::MemoryPlan> plans;
  for (int level = 0; level < memory::kLevels; ++level)
    if (!of_level || level == given)
      plans.push_back(pipelines::LevelPlanner::plan_of(level, options));
  return plans;
}

/// The plan that a run would choose for this request.
memory::MemoryPlan chosen_plan(const Settings& settings, bool no_prompt) {
  const pipelines::LevelPlanner planner(settings.engine_options());
  const auto request = pipelines::complete(planner.pipeline(), settings.request);
  const auto chosen = planner.chosen(planner.forecasts(request, no_prompt));
  if (!chosen.plan && !planner.budget().bytes) throw InputError(chosen.refusal);
  if (!chosen.plan) throw OutOfMemoryError(chosen.refusal);
  return chosen.plan->forecast.plan;
}

void check_dry(const EngineCall& call) {
  if (call.fit || call.explain)
    throw InputError("--dry plans no run, so there is nothing for --fit or --explain to look at");
  if (call.format != "table" && call.format != "json")
    throw InputError("--format " + call.format + ": --dry prints YAML, or json");
}

int print_dry(const EngineCall& call, const Settings& settings, bool no_prompt) {
  check_dry(call);
  const auto options = settings.engine_options();
  const auto plans = pipelines::chooses_plan(options.memory)
                         ? std::vector{chosen_plan(settings, no_prompt)}
                         : plans_of(options, settings.infer.diffusion.low_mem_level.has_value());
  std::cout << (call.format == "json" ? to_json(plans) : to_yaml(plans));
  return 0;
}

}  // namespace

int plan_command(const EngineCall& call) {
  device::reuse_host_memory();  // as a run does, so that the process is as large as in a run
  config::Composition composition = call.composition;
  pipelines::PlanQuestions questions{parse_fit(call.fit), call.explain, {}};
  const bool no_prompt = fill_in_prompt(composition);
  const auto settings = config::read<Settings>(composition.view());
  if (call.dry) return print_dry(call, settings, no_prompt);
  pipelines::LevelPlanner planner(settings.engine_options());
  const auto request = pipelines::complete(planner.pipeline(), settings.request);
  std::optional<PlanProgress> progress;  // large sizes take a while
  if (::isatty(STDERR_FILENO)) {
    planner.watch(&progress.emplace(std::cerr));
    questions.progress = [&](const std::string& what) { progress->look_at(what); };
  }
  const auto report =
      pipelines::report_plans(planner, settings.model.ckpt_dir, request, no_prompt, questions);
  progress.reset();
  if (call.format == "json")
    std::cout << pipelines::to_json(report).dump(1) << "\n";
  else if (call.format == "csv")
    std::cout << to_csv(report);
  else
    std::cout << (call.format == "markdown" ? to_markdown(report) : to_table(report));
  return 0;
}

}  // namespace chitu::tools
