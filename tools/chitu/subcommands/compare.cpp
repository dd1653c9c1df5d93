#include "chitu_core/common/registry.h"
#include "tools/chitu/compare_call.h"
#include "tools/chitu/plain_subcommand.h"

namespace chitu::tools {
namespace {

class Compare final : public PlainSubcommand<CompareCall> {
  Description describe() const override {
    return {SubcommandGroup::check,
            "compare the frames, memory, bytes and times of two runs",
            "Compares two run folders, folders of pictures, media files or metrics.json files, "
            "frame by frame and stage by stage. Exit code 1 when something is beyond the "
            "tolerance.",
            {{"chitu compare outputs/A outputs/B", "everything identical but times?"},
             {"chitu compare A/frames B/frames --tolerance psnr=40,ssim=0.99", "nearly equal?"},
             {"chitu compare A B --tolerance peak=any,bytes=any,loads=any", "frames alone"},
             {"chitu compare A B --html page.html", "pictures side by side"}}};
  }

  void declare(CLI::App& app, CompareCall& call) const override {
    app.add_option("a", call.a, "run folder, folder of PNGs, PNG, GIF, video or metrics.json")
        ->required();
    app.add_option("b", call.b, "what to compare it with")->required();
    app.add_option("--tolerance", call.tolerance,
                   "what may differ: psnr=DB, ssim=S, frames=any, peak=SIZE|P%|any, "
                   "bytes=SIZE|P%|any, loads=N|any, time=P%. Without it, all but times are "
                   "identical")
        ->delimiter(',')
        ->type_name("NAME=VALUE,...")
        ->allow_extra_args(false);
    app.add_flag("--json", call.json, "print the comparison as JSON");
    app.add_option("--html", call.html, "write a page with the pictures side by side")
        ->type_name("FILE");
  }
};

CHITU_REGISTER(Subcommand, Compare, "compare");

}  // namespace
}  // namespace chitu::tools
