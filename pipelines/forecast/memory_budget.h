#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/device/device.h"
#include "chitu_core/memory/memory_config.h"
#include "pipelines/forecast/forecaster.h"
#include "pipelines/machine/device_profile.h"

namespace chitu::pipelines {

/// An amount of memory, and the key or the device that sets it.
struct MemoryBound {
  std::int64_t bytes = 0;
  std::string source{};  ///< "infer.vram_limit", "device.capacity", "free memory of sim:0"
};

/// What the configuration says that a device has: device.capacity, else the memory of a profile
/// that describes the device; empty without either.
std::optional<MemoryBound> declared_memory(const std::optional<std::int64_t>& capacity_bytes,
                                           const std::optional<DeviceProfile>& profile,
                                           c10::Device computes_on);

/// What is known of the memory that a plan is made for.
struct MemoryFacts {
  std::string device;  ///< where it computes: "sim:0"
  bool host_computes = false;
  std::optional<MemoryBound> declared{};     ///< declared_memory()
  std::optional<device::MemoryRoom> room{};  ///< of a device at hand; what is let go counts as free
  std::int64_t host_total_bytes = 0;
  std::int64_t process_bytes = 0;  ///< process_size()

  /// What the device has in all; empty when nobody knows.
  std::optional<std::int64_t> total_bytes() const;
};

/// How much memory a plan may take, and who says so.
struct MemoryBudget {
  std::optional<std::int64_t> bytes{};  ///< where it computes; empty = not known
  std::int64_t base_bytes = 0;          ///< held whatever the plan: on a CPU, the process itself
  std::string source{};                 ///< of `bytes`, as in MemoryBound
  std::optional<MemoryBound> room{};    ///< the most that a limit could allow
  std::optional<std::int64_t> host_bytes{};  ///< infer.host_limit: of host tensors and the process
  std::int64_t host_base_bytes = 0;          ///< the process without tensors
};

/// The one budget of plans and runs: the least of infer.vram_limit, of what the device is declared
/// to have and of what is free there.
MemoryBudget memory_budget(const memory::MemoryConfig& config, const MemoryFacts& facts);

/// Whether a request decides what its plan is: a level of auto, or a limit to keep.
bool chooses_plan(const memory::MemoryConfig& config);

/// Most bytes that a forecast holds where it computes, with the process itself where that is the
/// host.
std::int64_t needed_bytes(const Forecast& forecast, const MemoryBudget& budget);

/// Most host memory that a forecast holds, tensors and the process itself.
std::int64_t needed_host_bytes(const Forecast& forecast, const MemoryBudget& budget);

/// Whether a forecast stays within the budget; empty when the budget bounds nothing.
std::optional<bool> fits(const Forecast& forecast, const MemoryBudget& budget);

/// The least limit that holds so many bytes in another process, too. Of these, base_bytes are the
/// process itself, whose size varies from one start to the next.
std::int64_t least_limit(std::int64_t needed_bytes, std::int64_t base_bytes);

/// A limit that a run was to keep and did not.
struct Overrun {
  std::string source;
  std::int64_t limit_bytes = 0, peak_bytes = 0;
};

/// peak_bytes       most that the run held where it computed
/// peak_host_bytes  most that the process held
std::vector<Overrun> overruns(const MemoryBudget& budget, std::int64_t peak_bytes,
                              std::int64_t peak_host_bytes);

/// One line about it.
std::string to_string(const Overrun& overrun);

}  // namespace chitu::pipelines
