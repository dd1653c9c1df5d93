#include <iostream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/output_path.h"
#include "chitu_core/common/temporary.h"
#include "chitu_core/device/device.h"
#include "chitu_core/parallel/launch.h"
#include "pipelines/machine/calibration.h"
#include "pipelines/machine/link_speed.h"
#include "tools/chitu/calibrate_call.h"
#include "tools/chitu/console.h"
#include "tools/chitu/engine_command.h"
#include "tools/chitu/rank_session.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

fs::path checked_file(const CalibrateCall& call) {
  const fs::path file = check_output_file("chitu calibrate " + call.file.string(), call.file);
  std::error_code ignored;
  if (fs::exists(file, ignored) && !call.force)
    throw InputError(call.file.string() + ": exists already; --force replaces it");
  return file;
}

void write_profile(const CalibrateCall& call, const fs::path& file, const std::string& text) {
  remove_abandoned(file.parent_path());
  write_file(file, text);
  if (!console::is_quiet()) std::cerr << text;
  std::cout << call.file.string() << "\n";
}

/// Checks every path before the measurement, which takes most of a minute.
pipelines::CalibrationOptions checked_options(const CalibrateCall& call, const fs::path& file) {
  pipelines::CalibrationOptions options;
  options.device = device::resolve(call.device);
  options.disk_folder = call.disk.empty() ? file.parent_path() : call.disk;
  check_output_folder("--disk " + options.disk_folder.string(), options.disk_folder);
  if (const auto problem = folder_problem(options.disk_folder))
    throw InputError("--disk " + options.disk_folder.string() + ": " + *problem);
  return options;
}

/// Ranks of several hosts measure the link between hosts, those of one host that within it.
pipelines::LinkMeasurement link_of(const CalibrateCall& call, const parallel::Launch& launch) {
  pipelines::LinkMeasurement measurement;
  measurement.device = device::resolve(call.device);
  const bool names_index = call.device.find(':') != std::string::npos;
  if (!measurement.device.is_cpu() && !names_index && launch.local_rank)
    measurement.device.set_index(static_cast<c10::DeviceIndex>(*launch.local_rank));
  const int of_host = launch.local_size.value_or(launch.size);
  if (of_host < launch.size) measurement.ranks_per_host = of_host;
  return measurement;
}

/// Measures the link between the ranks of this launch; rank 0 alone writes.
int calibrate_link(const CalibrateCall& call, const parallel::Launch& launch, const fs::path& file,
                   const Interrupt& interrupt) {
  constexpr std::chrono::seconds kLimit{60};
  if (!call.disk.empty())
    throw InputError("--disk " + call.disk.string() +
                     ": several ranks measure the link between them; expected none");
  const pipelines::LinkMeasurement measurement = link_of(call, launch);
  parallel::ParallelOptions options;
  options.cp_size = launch.size;
  const auto ranks = join_ranks(launch, options, kLimit);
  return with_ranks(ranks.get(), interrupt, [&] {
    const auto speed = pipelines::measure_link(*ranks->groups()->world, measurement);
    if (launch.rank == 0) write_profile(call, file, to_yaml(speed));
    return 0;
  });
}

class CalibrateCommand final : public EngineCommandFor<CalibrateCall> {
  int execute(const CalibrateCall& call, SessionState& state) const override {
    const parallel::Launch launch = parallel::read_launch();
    const fs::path file = launch.rank == 0 ? checked_file(call) : call.file;
    if (launch.size > 1) {
      if (!state.interrupt) state.interrupt.emplace();
      return calibrate_link(call, launch, file, *state.interrupt);
    }
    const auto options = checked_options(call, file);
    write_profile(call, file, to_yaml(pipelines::calibrate(options)));
    return 0;
  }
};

CHITU_REGISTER(EngineCommand, CalibrateCommand, CalibrateCall::kCommand);

}  // namespace
}  // namespace chitu::tools
