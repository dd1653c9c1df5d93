#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace chitu::device {

/// What a plan pretends to compute on.
struct PlannedDevice {
  bool host_kernels = true;    ///< computes with chitu's own kernels for the CPU, as sim does
  std::int64_t granule = 1;    ///< bytes that its allocator rounds every request up to
  bool rounds_pinned = false;  ///< requests for pinned memory become powers of two
};

/// What planned work would hold and move, in bytes; flops counts multiplications and additions of
/// matrix products, attention and convolutions.
struct PlannedUse {
  std::int64_t device = 0, peak_device = 0;
  std::int64_t host = 0, peak_host = 0;  ///< tensors in host memory
  std::int64_t h2d = 0, d2h = 0, disk = 0;
  double flops = 0;
};

/// A tensor that planned work holds: who made it, in which part of the work.
struct PlannedBlock {
  std::int64_t bytes;
  std::string where;    ///< the parts of the work, outermost first: "denoise / step 1 / blocks.3"
  std::string made_by;  ///< an operator of libtorch
};

/// The moment when a watched use first came to its bytes.
struct PlannedPeak {
  std::string where;               ///< as PlannedBlock: what was being done
  std::string made_by;             ///< the operator that asked for the bytes
  std::vector<PlannedBlock> held;  ///< largest first; empty when it never came to that
};

/// What a plan does with work that comes again with the same shapes (PlannedRepeats).
enum class Repetition {
  counted,  ///< is done once and counted so many times
  done,     ///< is done every time: slower, with the same result, to check the other
};

/// While it lives, this thread plans: tensors on the simulated device have shapes and are counted,
/// but hold no bytes, and operators compute nothing. The way through libtorch's dispatcher is the
/// one of a run on that device, so both count the same. Whatever reads a tensor's values throws.
///
/// One a thread; tensors made meanwhile may outlive it but never meet real ones.
class Planning {
 public:
  explicit Planning(const PlannedDevice& device, Repetition repetition = Repetition::counted);
  ~Planning();
  Planning(const Planning&) = delete;
  Planning& operator=(const Planning&) = delete;

  /// The device that stands for the planned one.
  static c10::Device device();
  /// The device that stands for the host: work of the CPU is planned there.
  static c10::Device host();
  PlannedUse use() const;
  /// Peaks begin anew from what is held now.
  void reset_peaks();

  /// Keeps what is held when the use of the device, or else of the host, first comes to so many
  /// bytes: a second plan of the same work can say what makes up the peak of the first.
  void watch(std::int64_t bytes, bool on_host = false);
  const PlannedPeak& peak() const;

  class Books;

 private:
  std::shared_ptr<Books> books_;
};

/// A part of the planned work, for PlannedBlock::where; costs nothing when nobody plans.
class PlannedPart {
 public:
  explicit PlannedPart(const std::string& name);
  ~PlannedPart();
  PlannedPart(const PlannedPart&) = delete;
  PlannedPart& operator=(const PlannedPart&) = delete;

 private:
  Planning::Books* books_;
};

/// Whether this thread plans.
bool planning();
/// Whether the device is the host itself, or stands for it in a plan.
bool is_host(c10::Device device);
/// Whether chitu's own kernels for the CPU compute there: on the CPU and on the simulated device.
bool has_host_kernels(c10::Device device);

/// Where tensors of the host live: the CPU, or what stands for it in a plan.
c10::Device host();

/// Counts reading a file, when this thread plans.
void plan_disk_read(std::int64_t bytes);

}  // namespace chitu::device
