#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipelines/engine.h"
#include "pipelines/planner.h"
#include "pipelines/time_model.h"

namespace chitu::pipelines {

/// The weights of one component, in bytes.
struct PlannedComponent {
  std::string name;
  memory::ComponentPlan plan;
  std::int64_t parameters = 0;
  std::int64_t stored_bytes = 0;   ///< in the files of the checkpoint
  std::int64_t onload_bytes = 0;   ///< all at once in the dtype that they compute in
  std::int64_t at_rest_bytes = 0;  ///< where they compute, while no stage uses them
};

/// What a request would take at one low_mem_level.
struct LevelPlan {
  Forecast forecast;
  std::vector<PlannedComponent> components;
  double recomputed_share = 0;            ///< of the decoder's positions, by exact tiles
  std::optional<bool> fits;               ///< empty when no capacity is known
  std::optional<RequestTime> least_time;  ///< empty without a profile

  int level() const { return forecast.plan.low_mem_level; }
  std::int64_t at_rest_bytes() const;
};

/// Plans the same requests at every level, on a device that need not be at hand.
class LevelPlanner {
 public:
  /// options  as of an engine; `memory.low_mem_level` is not looked at, and keys that override
  ///          entries of a plan do so at every level. Of device "cuda" this machine needs none;
  ///          "auto" is the device of the profile, if any
  /// throws   InputError as Engine does
  explicit LevelPlanner(const EngineOptions& options);

  const Planner& planner() const { return planner_; }
  const Pipeline& pipeline() const { return planner_.pipeline(); }
  const device::PlannedDevice& device() const { return device_.planned; }
  const std::string& device_name() const { return device_.name; }
  bool host_computes() const { return device_.computes_on.is_cpu(); }
  const std::optional<DeviceProfile>& profile() const { return options_.profile; }
  /// Of the device, or of the host where that computes; else the profile's; empty when unknown.
  std::optional<std::int64_t> capacity_bytes() const { return device_.capacity_bytes; }
  /// The process itself without tensors: process_size() before the first plan.
  std::int64_t process_bytes() const { return process_bytes_; }

  memory::MemoryPlan plan_of(int level) const;
  /// As plan_of, without opening the checkpoint, which no memory plan depends on.
  ///
  /// throws  InputError for a device, a dtype or a strategy that there is not
  static memory::MemoryPlan plan_of(int level, const EngineOptions& options);
  LevelPlan plan(int level, const Request& request, bool longest_prompts) const;

 private:
  struct Device {
    std::string name;  ///< as device::resolve writes it, or "sim"
    c10::Device computes_on = c10::kCPU;
    device::PlannedDevice planned;
    std::optional<std::int64_t> capacity_bytes;
  };
  static Device resolve(const EngineOptions& options);
  static Device resolve_device(const EngineOptions& options);

  EngineOptions options_;
  Device device_;
  memory::PlanRequest choices_;
  Planner planner_;
  std::int64_t process_bytes_;
};

}  // namespace chitu::pipelines
