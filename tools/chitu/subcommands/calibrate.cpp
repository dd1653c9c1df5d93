#include "chitu_core/common/registry.h"
#include "tools/chitu/calibrate_call.h"
#include "tools/chitu/plain_subcommand.h"

namespace chitu::tools {
namespace {

class Calibrate final : public PlainSubcommand<CalibrateCall> {
  Description describe() const override {
    return {SubcommandGroup::machine,
            "measure this machine, for the least times that plan prints",
            "Measures arithmetic, copies and the drive of this machine in less than a minute, and "
            "writes them as a file of the group device/profile.",
            {{"chitu calibrate my/device/profile/here.yaml", "the folder exists"},
             {"chitu plan --config-dir my device/profile=here", "plan with what was measured"},
             {"torchrun --no-python --nproc_per_node=2 chitu calibrate "
              "my/device/interconnect/here.yaml",
              "the link between ranks; on several hosts that between hosts, for device/network"}}};
  }

  void declare(CLI::App& app, CalibrateCall& call) const override {
    app.add_option("file", call.file, "to write, as DIR/device/profile/mine.yaml")->required();
    app.add_flag("--force", call.force, "replace an existing file");
    app.add_option("--device", call.device, "what to measure; also an accelerator as cuda:1")
        ->type_name("auto|cpu|cuda");
    app.add_option("--disk", call.disk,
                   "the folder whose drive is measured; default: that of the file")
        ->type_name("DIR");
  }
};

CHITU_REGISTER(Subcommand, Calibrate, "calibrate");

}  // namespace
}  // namespace chitu::tools
