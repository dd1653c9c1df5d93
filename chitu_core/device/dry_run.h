#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chitu_core/device/dry_run_exchanges.h"

namespace chitu::device {

/// The device that a dry run imitates.
struct ImitatedDevice {
  bool host_kernels = true;    ///< uses chitu's own CPU kernels, as sim does
  std::int64_t granule = 1;    ///< its allocator rounds requests up to multiples of this
  bool rounds_pinned = false;  ///< to powers of two
};

/// Bytes that the work of a dry run would hold and move. `flops` counts multiplications and
/// additions of matrix products, attention and convolutions.
struct DryRunUse {
  std::int64_t device = 0, peak_device = 0;
  std::int64_t host = 0, peak_host = 0;  ///< tensors in host memory
  std::int64_t h2d = 0, d2h = 0, disk = 0;
  std::int64_t sent = 0;          ///< to other ranks
  std::int64_t sent_weights = 0;  ///< of these, weights that ranks read together
  Exchanges exchanges{};          ///< of which the sent bytes are part
  double flops = 0;
};

/// Adds `times` times what was moved, sent and computed; may be negative. What is held, and the
/// peaks, stay.
void add_work(DryRunUse& sum, const DryRunUse& use, std::int64_t times = 1);

/// A tensor that is held in a dry run, and where it was made.
struct DryRunBlock {
  std::int64_t bytes;
  std::string where;    ///< the parts of the work, outermost first: "denoise / step 1 / blocks.3"
  std::string made_by;  ///< an operator of libtorch
};

/// The moment when the watched memory use first reached the watched bytes.
struct DryRunPeak {
  std::string where;              ///< as in DryRunBlock
  std::string made_by;            ///< the operator that allocated
  std::vector<DryRunBlock> held;  ///< largest first; empty if it was never reached
};

/// How a dry run treats work that repeats with the same shapes (DryRunRepeats).
enum class Repetition {
  counted,  ///< done once, then counted
  done,     ///< done every time: slower, with the same result; for checks
};

/// A dry run of this thread, as long as the object lives: tensors on the simulated device have
/// shapes and are counted, but have no data, and operators compute nothing. The path through
/// libtorch's dispatcher is that of a real run on that device, so both count the same. An operator
/// that reads a tensor's values throws.
///
/// One per thread. Its tensors may outlive it but must not be used together with real ones.
class DryRun {
 public:
  explicit DryRun(const ImitatedDevice& device, Repetition repetition = Repetition::counted);
  ~DryRun();
  DryRun(const DryRun&) = delete;
  DryRun& operator=(const DryRun&) = delete;

  /// Represents the imitated device.
  static c10::Device device();
  /// Represents the host: CPU work is counted there.
  static c10::Device host();
  DryRunUse use() const;
  /// Sets the peaks to the bytes held now.
  void reset_peaks();

  /// Keeps a list of the tensors held when the memory use of the device, or of the host, first
  /// reaches so many bytes: a second dry run of the same work lists the peak of the first.
  void watch(std::int64_t bytes, bool on_host = false);
  const DryRunPeak& peak() const;

  class Books;

 private:
  std::shared_ptr<Books> books_;
};

/// Names a part of the work for DryRunBlock::where. Does nothing outside a dry run.
class DryRunPart {
 public:
  explicit DryRunPart(const std::string& name);
  ~DryRunPart();
  DryRunPart(const DryRunPart&) = delete;
  DryRunPart& operator=(const DryRunPart&) = delete;

 private:
  DryRun::Books* books_;
};

/// Whether this thread is in a dry run.
bool in_dry_run();
/// Whether the device is the host, or represents it in a dry run.
bool is_host(c10::Device device);
/// Whether chitu's own CPU kernels run on it: the CPU and the simulated device.
bool has_host_kernels(c10::Device device);

/// The device of host tensors: the CPU, or what represents it in a dry run.
c10::Device host();

/// Counts a read from a file if this thread is in a dry run.
void count_disk_read(std::int64_t bytes);

/// Counts what a rank sends to others of weights, beside their exchange, if this thread is in a dry
/// run.
void count_sent_weights(std::int64_t bytes);

}  // namespace chitu::device
