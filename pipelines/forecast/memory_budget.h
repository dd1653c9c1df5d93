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

/// Memory that the configuration declares for a device: device.capacity, else the memory of a
/// profile of that device; empty without either.
std::optional<MemoryBound> declared_memory(const std::optional<std::int64_t>& capacity_bytes,
                                           const std::optional<DeviceProfile>& profile,
                                           c10::Device computes_on);

/// What is known of the memory that a plan is made for.
struct MemoryFacts {
  std::string device;  ///< where it computes: "sim:0"
  bool host_computes = false;
  std::optional<MemoryBound> declared{};  ///< declared_memory()
  /// Of a device at hand; memory that will be freed counts as free.
  std::optional<device::MemoryRoom> room{};
  std::int64_t host_total_bytes = 0;
  std::int64_t process_bytes = 0;  ///< process_size()
  std::int64_t library_bytes = 0;  ///< of an accelerator at hand: device::library_bytes()

  /// Whole memory of the device; empty if unknown.
  std::optional<std::int64_t> total_bytes() const;
};

/// How much memory a plan may take, and what limits it.
struct MemoryBudget {
  std::optional<std::int64_t> bytes{};       ///< where it computes; empty = unknown
  std::int64_t base_bytes = 0;               ///< held under any plan: on a CPU, the process itself
  std::int64_t library_bytes = 0;            ///< held by libraries where it computes, besides
  std::string source{};                      ///< of `bytes`, as in MemoryBound
  std::optional<MemoryBound> room{};         ///< the most that a limit could allow
  std::optional<std::int64_t> host_bytes{};  ///< infer.host_limit: of host tensors and the process
  std::int64_t host_base_bytes = 0;          ///< the process without tensors
};

/// The budget of plans and runs: the lowest of infer.vram_limit, the declared memory of the device
/// and its free memory.
MemoryBudget memory_budget(const memory::MemoryConfig& config, const MemoryFacts& facts);

/// Whether the plan depends on the request: level auto, or a limit.
bool chooses_plan(const memory::MemoryConfig& config);

/// Peak of a forecast on the computing device and what is held there under any plan: the process
/// itself on a host, memory of libraries on an accelerator.
std::int64_t needed_bytes(const Forecast& forecast, const MemoryBudget& budget);

/// Peak of host memory of a forecast: tensors and the process itself.
std::int64_t needed_host_bytes(const Forecast& forecast, const MemoryBudget& budget);

/// Whether a forecast stays within the budget; empty if the budget has no limit.
std::optional<bool> fits(const Forecast& forecast, const MemoryBudget& budget);

/// The lowest limit that holds this many bytes in another process too. Of these, base_bytes are the
/// process itself, whose size varies between starts.
std::int64_t least_limit(std::int64_t needed_bytes, std::int64_t base_bytes);

/// A limit that a run exceeded.
struct Overrun {
  std::string source;
  std::int64_t limit_bytes = 0, peak_bytes = 0;
};

/// peak_bytes       peak of the run where it computed
/// peak_host_bytes  peak of the process
std::vector<Overrun> overruns(const MemoryBudget& budget, std::int64_t peak_bytes,
                              std::int64_t peak_host_bytes);

/// One line about it.
std::string to_string(const Overrun& overrun);

}  // namespace chitu::pipelines
