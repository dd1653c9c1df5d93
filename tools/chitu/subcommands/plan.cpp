#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "tools/chitu/batch/batch_list.h"
#include "tools/chitu/composing_subcommand.h"
#include "tools/chitu/job.h"
#include "tools/chitu/plan_call.h"

namespace chitu::tools {
namespace {

struct PlanFlags : ComposeFlags {
  PlanCall call;
  std::optional<std::string> list_format;

  void declare(Flags& flags) {
    ComposeFlags::declare(flags);
    flags.add("--format", "table|json|csv|markdown", "how to print the plan", call.format);
    flags.add("--json", "", "short for --format json",
              [this](const Words&) { call.format = "json"; });
    flags.add("--fit", "SIZE", "find the largest picture and the most frames that fit, as 16GiB",
              call.fit);
    flags.add("--explain", "show what makes up each peak, and what would lower it", call.explain);
    flags.add({"--placement", "--dry"}, "print only the memory plans, as YAML; no dry run",
              call.placement);
    flags.add("--list-format", "yaml|json|jsonl|csv|text",
              "format of a list of jobs; default: by its extension", list_format);
  }
};

/// A list of jobs is planned as one batch.
BatchPlanCall batch_call(const PlanFlags& flags, const Words& paths,
                         const config::ComposeRequest& request) {
  if (paths.size() > 1)
    throw InputError("chitu plan: expected one list of jobs, got " + paths[0] + " and " + paths[1]);
  if (flags.call.fit || flags.call.explain || flags.call.placement)
    throw InputError("chitu plan " + paths[0] +
                     ": --fit, --explain and --placement are about one request; expected none of "
                     "them beside a list of jobs");
  if (flags.call.format != "table" && flags.call.format != "json")
    throw InputError("--format " + flags.call.format +
                     ": the plan of a list of jobs is a table or json");
  return {compose_batch(paths[0], flags.list_format, request), flags.call.format};
}

int plan_batch(BatchPlanCall call, EngineLibrary& engine) {
  print_warnings(call.list.composition);
  const JobEnvironment environment(call.list.composition);
  return engine.run(engine_call(std::move(call)));
}

class Plan final : public ComposingSubcommand<PlanFlags> {
  Description describe() const override {
    return {SubcommandGroup::look_ahead,
            "memory, copies and arithmetic of every low_mem_level, without running",
            "Prints what the request would take at every low_mem_level, without weights, GPU or "
            "prompt.",
            {{"chitu plan model=wan2.1-t2v-14b device=cuda", "every level"},
             {"chitu plan model=wan2.1-t2v-14b device/profile=rtx4090", "on this card, with times"},
             {"chitu plan model=wan2.1-t2v-1.3b device=cuda --fit 8GiB", "the largest video"},
             {"chitu plan --explain", "what makes up the peaks of the demo model"},
             {"chitu plan infer.diffusion.low_mem_level=3 --placement", "what each component does"},
             {"chitu plan jobs.yaml device=cuda", "a whole batch; see chitu batch"}},
            "[LIST]"};
  }

  int execute(const PlanFlags& options, EngineLibrary& engine) const override {
    PlanFlags flags = options;
    const Words paths = take_paths(flags.overrides);
    const auto request = compose_request(flags, trees());
    if (!paths.empty()) return plan_batch(batch_call(flags, paths, request), engine);
    flags.call.composition = config::compose(request);
    return look_ahead(std::move(flags.call), engine);
  }
};

CHITU_REGISTER(Subcommand, Plan, "plan");

}  // namespace
}  // namespace chitu::tools
