#pragma once

namespace chitu::pipelines {

/// Counts the seconds of a run.
class RunClock {
 public:
  /// Counts from the start of this process, as the kernel recorded it (10 ms steps at worst).
  static RunClock since_process_start();
  /// Counts from now: for a job in a process that ran other jobs before.
  static RunClock since_now();

  double seconds() const;

 private:
  explicit RunClock(double start_after_boot_s) : start_after_boot_s_(start_after_boot_s) {}

  double start_after_boot_s_;
};

}  // namespace chitu::pipelines
