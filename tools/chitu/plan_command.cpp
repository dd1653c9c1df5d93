#include <iostream>
#include <nlohmann/json.hpp>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/device/compute_threads.h"
#include "chitu_core/device/host_allocator.h"
#include "chitu_core/memory/levels.h"
#include "pipelines/forecast/forecast_report.h"
#include "pipelines/settings/settings.h"
#include "tools/chitu/console.h"
#include "tools/chitu/engine_command.h"
#include "tools/chitu/placement.h"
#include "tools/chitu/plan_call.h"
#include "tools/chitu/plan_text.h"
#include "tools/chitu/progress.h"

namespace chitu::tools {
namespace {

std::optional<std::int64_t> parse_fit(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto bytes = parse_bytes(*text);
  if (!bytes || *bytes == 0)
    throw InputError("--fit " + *text + ": expected " +
                     (lacks_unit(*text) ? kUnitAdvice : "a size such as 16GiB or 512MiB"));
  return bytes;
}

/// The plan of the given level, or those of all levels.
std::vector<memory::MemoryPlan> plans_of(const pipelines::EngineOptions& options, bool of_level) {
  const int given = options.memory.low_mem_level.value_or(0);
  std::vector<memory::MemoryPlan> plans;
  for (int level = 0; level < memory::kLevels; ++level)
    if (!of_level || level == given)
      plans.push_back(pipelines::LevelForecaster::plan_of(level, options));
  return plans;
}

/// The plan that a run would choose for this request.
memory::MemoryPlan chosen_plan(const pipelines::Settings& settings, bool no_prompt) {
  const pipelines::LevelForecaster forecaster(settings.engine_options());
  const auto request = pipelines::complete(forecaster.pipeline(), settings.request);
  const auto chosen = forecaster.chosen(forecaster.forecasts(request, no_prompt));
  if (!chosen.plan && !forecaster.budget().bytes) throw InputError(chosen.refusal);
  if (!chosen.plan) throw OutOfMemoryError(chosen.refusal);
  return chosen.plan->forecast.plan;
}

void check_placement(const PlanCall& call) {
  if (call.fit || call.explain)
    throw InputError("--placement makes no dry run; expected no --fit or --explain beside it");
  if (call.format != "table" && call.format != "json")
    throw InputError("--format " + call.format + ": --placement prints YAML, or json");
}

bool names_level(const config::Composition& composition) {
  const auto level = composition.view().find("infer.diffusion.low_mem_level");
  return level && !level->node().is_null();
}

int print_placement(const PlanCall& call, const config::Composition& composition,
                    const pipelines::Settings& settings, bool no_prompt) {
  check_placement(call);
  const auto options = settings.engine_options();
  const auto plans = pipelines::chooses_plan(options.memory)
                         ? std::vector{chosen_plan(settings, no_prompt)}
                         : plans_of(options, names_level(composition));
  std::cout << (call.format == "json" ? to_json(plans) : to_yaml(plans));
  return 0;
}

void print(const pipelines::ForecastReport& report, const std::string& format) {
  if (format == "json")
    std::cout << pipelines::to_json(report).dump(1) << "\n";
  else if (format == "csv")
    std::cout << to_csv(report);
  else
    std::cout << (format == "markdown" ? to_markdown(report) : to_table(report));
}

int print_plans(const PlanCall& call) {
  device::reuse_host_memory();  // as a run does, so that the process is as large as in a run
  config::Composition composition = call.composition;
  pipelines::PlanQuestions questions{parse_fit(call.fit), call.explain, {}};
  const bool no_prompt = pipelines::fill_in_prompt(composition.config);
  const auto settings = config::read<pipelines::Settings>(composition.view());
  if (call.placement) return print_placement(call, composition, settings, no_prompt);
  pipelines::LevelForecaster forecaster(settings.engine_options());
  const auto request = pipelines::complete(forecaster.pipeline(), settings.request);
  std::optional<PlanProgress> progress;  // large sizes take seconds
  if (console::shows_progress()) {
    forecaster.watch(&progress.emplace(std::cerr));
    questions.progress = [&](const std::string& what) { progress->look_at(what); };
  }
  const auto report =
      pipelines::report_plans(forecaster, settings.model.ckpt_dir, request, no_prompt, questions);
  progress.reset();
  print(report, call.format);
  return 0;
}

class PlanCommand final : public EngineCommandFor<PlanCall> {
  int execute(const PlanCall& call, SessionState&) const override {
    device::start_compute_threads_or_go_alone();  // a plan computes next to nothing
    return print_plans(call);
  }
};

CHITU_REGISTER(EngineCommand, PlanCommand, PlanCall::kCommand);

}  // namespace

}  // namespace chitu::tools
