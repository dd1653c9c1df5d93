#include "chitu_core/common/registry.h"
#include "tools/chitu/composing_subcommand.h"
#include "tools/chitu/job.h"
#include "tools/chitu/plan_call.h"

namespace chitu::tools {
namespace {

struct PlanFlags : ComposeFlags {
  PlanCall call;

  void declare(Flags& flags) {
    ComposeFlags::declare(flags);
    flags.add("--format", "table|json|csv|markdown", "how to print the plan", call.format);
    flags.add("--json", "", "short for --format json",
              [this](const Words&) { call.format = "json"; });
    flags.add("--fit", "SIZE", "find the largest picture and the most frames that fit, as 16GiB",
              call.fit);
    flags.add("--explain", "show what makes up each peak, and what would lower it", call.explain);
    flags.add({"--placement", "--dry"}, "print the memory plans alone, as YAML; no dry run",
              call.placement);
  }
};

class Plan final : public ComposingSubcommand<PlanFlags> {
  Description describe() const override {
    return {
        SubcommandGroup::look_ahead,
        "memory, copies and arithmetic of every low_mem_level, without running",
        "Prints what the request would take at every low_mem_level, without weights, GPU or "
        "prompt.",
        {{"chitu plan model=wan2.1-t2v-14b device=cuda", "every level"},
         {"chitu plan model=wan2.1-t2v-14b device/profile=rtx4090", "on this card, with times"},
         {"chitu plan model=wan2.1-t2v-1.3b device=cuda --fit 8GiB", "the largest video"},
         {"chitu plan --explain", "what makes up the peaks of the demo model"},
         {"chitu plan infer.diffusion.low_mem_level=3 --placement", "what each component does"}}};
  }

  int execute(const PlanFlags& options, EngineLibrary& engine) const override {
    PlanCall call = options.call;
    call.composition = config::compose(compose_request(options, trees()));
    return look_ahead(std::move(call), engine);
  }
};

CHITU_REGISTER(Subcommand, Plan, "plan");

}  // namespace
}  // namespace chitu::tools
