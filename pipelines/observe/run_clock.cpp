#include "pipelines/observe/run_clock.h"

#include <time.h>
#include <unistd.h>

#include <sstream>
#include <string>

#include "chitu_core/common/files.h"

namespace chitu::pipelines {
namespace {

/// Field 22 of /proc/self/stat: start of the process, in clock ticks after boot.
double process_start_after_boot() {
  const std::string line = read_file("/proc/self/stat");
  // The second field is the command's name in parentheses and may contain spaces.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string field;
  for (int index = 3; index <= 22; ++index) fields >> field;
  return std::stod(field) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double seconds_after_boot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

RunClock RunClock::since_process_start() { return RunClock(process_start_after_boot()); }

RunClock RunClock::since_now() { return RunClock(seconds_after_boot()); }

double RunClock::seconds() const { return seconds_after_boot() - start_after_boot_s_; }

}  // namespace chitu::pipelines
