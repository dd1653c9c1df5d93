#include "tools/chitu/calibrate_command.h"

#include <iostream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/device/device.h"
#include "pipelines/calibration.h"

namespace chitu::tools {

namespace fs = std::filesystem;

int calibrate_command(const CalibrateCall& call) {
  if (fs::exists(call.file) && !call.force)
    throw InputError(call.file.string() + ": is there already; --force writes it anew");
  const fs::path folder = call.file.has_parent_path() ? call.file.parent_path() : fs::path(".");
  if (!fs::is_directory(folder)) throw InputError(folder.string() + ": no such folder");
  pipelines::CalibrationOptions options;
  options.device = device::resolve(call.device);
  options.disk_folder = call.disk.empty() ? folder : call.disk;
  const std::string text = pipelines::to_yaml(pipelines::calibrate(options));
  write_file(call.file, text);
  std::cerr << text;
  std::cout << call.file.string() << "\n";
  return 0;
}

}  // namespace chitu::tools
