#include "tools/chitu/plan_command.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "pipelines/plan_report.h"
#include "tools/chitu/plan_text.h"
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
    throw InputError("--fit " + *text + ": expected a size such as 16GiB or 512MiB");
  return bytes;
}

}  // namespace

int plan_command(const EngineCall& call) {
  config::Composition composition = call.composition;
  const pipelines::PlanQuestions questions{parse_fit(call.fit), call.explain};
  const bool no_prompt = fill_in_prompt(composition);
  const auto settings = config::read<Settings>(composition.view());
  const pipelines::LevelPlanner planner(settings.engine_options());
  const auto request = pipelines::complete(planner.pipeline(), settings.request);
  const auto report =
      pipelines::report_plans(planner, settings.model.ckpt_dir, request, no_prompt, questions);
  if (call.format == "json")
    std::cout << pipelines::to_json(report).dump(1) << "\n";
  else if (call.format == "csv")
    std::cout << to_csv(report);
  else
    std::cout << (call.format == "markdown" ? to_markdown(report) : to_table(report));
  return 0;
}

}  // namespace chitu::tools
