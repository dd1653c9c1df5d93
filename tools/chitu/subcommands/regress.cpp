#include <algorithm>
#include <array>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "tools/chitu/plain_subcommand.h"
#include "tools/chitu/regress/cases_file.h"
#include "tools/chitu/regress_call.h"

namespace chitu::tools {
namespace {

constexpr const char* kDefaultOut = "outputs/regress";
const std::vector<std::string> kActions{"run", "record", "update"};

/// The command line of `chitu regress`, before its cases are read.
struct RegressFlags {
  RegressCall call;
  std::string file, out;
  std::vector<std::string> only;

  void declare(CLI::App& app) {
    app.add_option("action", call.action,
                   "run: compare with the records; record: write records that do not exist yet; "
                   "update: replace them, and show what changes")
        ->required()
        ->type_name("run|record|update");
    app.add_option("cases", file, "the cases, such as cases.yaml")->required();
    app.add_option("--case", only, "only this case; may be repeated")
        ->type_name("NAME")
        ->allow_extra_args(false);
    app.add_option("--out", out, "run: the folder of report.html and junit.xml")
        ->type_name("DIR")
        ->default_str(kDefaultOut);
    app.add_flag("--json", call.json, "run: print the results as JSON");
    app.add_flag("--dry-run", call.dry_run, "update: show what would change, and write nothing");
    app.add_flag("--add", call.add, "update: keep the frames approved for this machine so far");
    app.add_flag("--forget-others", call.forget_others,
                 "update: drop the frames approved for other machines");
    declare_console_flags(app);
  }

  /// A flag that another action has would be ignored.
  void check() const {
    if (std::ranges::find(kActions, call.action) == kActions.end())
      throw InputError("chitu regress: expected one of " + join(kActions) + ", got " + call.action +
                       did_you_mean(call.action, kActions));
    const std::array flags{
        std::pair{"--json", call.json && call.action != "run"},
        std::pair{"--out", !out.empty() && call.action != "run"},
        std::pair{"--dry-run", call.dry_run && call.action != "update"},
        std::pair{"--add", call.add && call.action != "update"},
        std::pair{"--forget-others", call.forget_others && call.action != "update"}};
    for (const auto& [flag, misplaced] : flags)
      if (misplaced)
        throw InputError(std::string("chitu regress ") + call.action + ": " + flag +
                         " is a flag of another action; see chitu regress --help");
  }
};

class Regress final : public Subcommand {
 public:
  Description describe() const override {
    return {SubcommandGroup::check,
            "run cases and compare them with their golden records",
            "Runs the cases of a file and compares frames, memory, bytes and times with golden "
            "records. Exit code 1 when one is worse than recorded.",
            {{"chitu regress record cases.yaml", "once: writes records/NAME.yaml"},
             {"chitu regress run cases.yaml", "in CI: a table, junit.xml and report.html"},
             {"chitu regress update cases.yaml", "after a change that is meant"},
             {"chitu regress run cases.yaml --case level-3", "one case"}}};
  }

  int run(const std::string& name, const Words& arguments, EngineLibrary& engine) const override {
    CLI::App app("", "chitu " + name);
    RegressFlags flags;
    flags.declare(app);
    if (!parse_plain(app, arguments, describe())) return 0;
    flags.check();
    flags.call.cases = read_cases(flags.file, flags.only);
    flags.call.out = flags.out.empty() ? kDefaultOut : flags.out;
    return engine.run(engine_call(std::move(flags.call)));
  }

  std::vector<FlagText> flags() const override {
    CLI::App app;
    RegressFlags flags;
    flags.declare(app);
    return plain_flags(app);
  }

  Words complete(const Words& before, const std::string& typed) const override {
    if (before.empty() && !typed.starts_with('-')) return starting_with(kActions, typed);
    CLI::App app;
    RegressFlags flags;
    flags.declare(app);
    return complete_plain(app, before, typed);
  }
};

CHITU_REGISTER(Subcommand, Regress, "regress");

}  // namespace
}  // namespace chitu::tools
