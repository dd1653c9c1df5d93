#include <algorithm>
#include <filesystem>
#include <utility>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "tools/chitu/composing_subcommand.h"
#include "tools/chitu/decode_command_line.h"
#include "tools/chitu/job.h"

namespace chitu::tools {
namespace {

/// The latents carry their request, the prompt included.
void leave_prompt_open(config::Composition& composition) {
  config::Node* prompt = composition.config.find("request.prompt");
  if (prompt && prompt->is_missing()) *prompt = config::Node::literal("");
}

struct DecodeFlags : ComposeFlags {
  void declare(Flags& flags) { declare_general(flags); }
};

class Decode final : public ComposingSubcommand<DecodeFlags> {
  Description describe() const override {
    return {SubcommandGroup::generate,
            "decode latents that a run or a batch has kept, and save the media",
            "Decodes the latents of a safetensors file and saves the media.",
            {{"chitu decode outputs/2026-01-31/12-00-00/latents.safetensors", "the demo model's"},
             {"chitu decode FILE model.ckpt_dir=DIR infer.vae_tiling=exact", "with less memory"},
             {"chitu decode FILE hydra.run.dir=DIR output.format=gif", "into a folder by name"}},
            "LATENTS"};
  }

  int execute(const DecodeFlags& options, EngineLibrary& engine) const override {
    DecodeFlags flags = options;
    RunCall call;
    call.latents = take_latents(flags.overrides);
    check_decode_overrides(flags.overrides);
    for (const auto& [key, text] : flags.texts) check_decode_overrides({key + "=" + text});
    cpu_capability();  // a wrong CHITU_CPU_CAPABILITY is told about before anything is done
    call.composition = config::compose(compose_request(flags, trees()));
    leave_prompt_open(call.composition);
    call.compose_flags = flags.words();
    return run_once(std::move(call), engine);
  }
};

CHITU_REGISTER(Subcommand, Decode, "decode");

}  // namespace
}  // namespace chitu::tools
