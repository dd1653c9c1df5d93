#include <iostream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/output_path.h"
#include "chitu_core/common/temporary.h"
#include "chitu_core/device/device.h"
#include "pipelines/machine/calibration.h"
#include "tools/chitu/calibrate_call.h"
#include "tools/chitu/console.h"
#include "tools/chitu/engine_command.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

/// Checks every path before the measurement, which takes most of a minute.
pipelines::CalibrationOptions checked_options(const CalibrateCall& call, const fs::path& file) {
  std::error_code ignored;
  if (fs::exists(file, ignored) && !call.force)
    throw InputError(call.file.string() + ": exists already; --force replaces it");
  pipelines::CalibrationOptions options;
  options.device = device::resolve(call.device);
  options.disk_folder = call.disk.empty() ? file.parent_path() : call.disk;
  check_output_folder("--disk " + options.disk_folder.string(), options.disk_folder);
  if (const auto problem = folder_problem(options.disk_folder))
    throw InputError("--disk " + options.disk_folder.string() + ": " + *problem);
  return options;
}

class CalibrateCommand final : public EngineCommandFor<CalibrateCall> {
  int execute(const CalibrateCall& call, SessionState&) const override {
    const fs::path file = check_output_file("chitu calibrate " + call.file.string(), call.file);
    const auto options = checked_options(call, file);
    remove_abandoned(file.parent_path());
    const std::string text = pipelines::to_yaml(pipelines::calibrate(options));
    write_file(file, text);
    if (!console::is_quiet()) std::cerr << text;
    std::cout << call.file.string() << "\n";
    return 0;
  }
};

CHITU_REGISTER(EngineCommand, CalibrateCommand, CalibrateCall::kCommand);

}  // namespace
}  // namespace chitu::tools
