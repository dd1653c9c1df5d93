#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipelines/forecast/forecaster.h"
#include "pipelines/forecast/forecasts.h"
#include "pipelines/forecast/memory_budget.h"
#include "pipelines/forecast/time_model.h"
#include "pipelines/model/engine_options.h"

namespace chitu::pipelines {

/// The weights of one component, in bytes.
struct ComponentForecast {
  std::string name;
  memory::ComponentPlan plan;
  std::int64_t parameters = 0;
  std::int64_t stored_bytes = 0;   ///< in the files of the checkpoint
  std::int64_t onload_bytes = 0;   ///< all at once, in the compute dtype
  std::int64_t at_rest_bytes = 0;  ///< where they compute, while no stage uses them
};

/// What a request takes at one low_mem_level.
struct LevelForecast {
  Forecast forecast;
  std::vector<ComponentForecast> components;
  double recomputed_share = 0;            ///< of the decoder's positions, by exact tiles
  std::optional<bool> fits;               ///< empty if no capacity is known
  std::optional<RequestTime> least_time;  ///< empty without a profile

  int level() const { return forecast.plan.low_mem_level; }
  std::int64_t at_rest_bytes() const;
};

/// The plan that a run would use, or the reason why none fits.
struct ChosenPlan {
  std::optional<LevelForecast> plan;
  std::string refusal;  ///< empty with a plan
};

/// Forecasts the same requests at every level, for a device that this machine need not have.
class LevelForecaster {
 public:
  /// options  as of an engine; `memory.low_mem_level` is ignored, and keys that override entries of
  ///          a plan do so at every level. This machine needs no device "cuda"; "auto" is the
  ///          device of the profile, if any
  /// throws   InputError as Engine does
  explicit LevelForecaster(const EngineOptions& options);

  const Forecaster& forecaster() const { return forecaster_; }
  const Pipeline& pipeline() const { return forecaster_.pipeline(); }
  const std::filesystem::path& ckpt_dir() const { return options_.ckpt_dir; }
  const device::ImitatedDevice& device() const { return device_.planned; }
  const std::string& device_name() const { return device_.name; }
  bool host_computes() const { return device_.computes_on.is_cpu(); }
  const std::optional<DeviceProfile>& profile() const { return options_.profile; }
  /// The ranks that share a request; forecasts are of rank 0, whose share is the largest.
  const parallel::ParallelOptions& parallel() const { return options_.parallel; }
  /// Memory of the device, or of the host if that computes: as declared, or as measured here; empty
  /// if unknown.
  std::optional<std::int64_t> capacity_bytes() const { return device_.memory.total_bytes(); }
  /// How much of it a run may take. If memory is declared, the memory free here does not matter.
  const MemoryBudget& budget() const { return budget_; }
  /// Size of the process without tensors: process_size() before the first dry run.
  std::int64_t process_bytes() const { return process_bytes_; }

  /// As Forecaster::watch.
  void watch(graph::Observer* observer) { forecaster_.watch(observer); }

  memory::MemoryPlan plan_of(int level) const;
  /// As plan_of(), but reads only what components_of() reads from the checkpoint.
  ///
  /// throws  InputError for an unknown device, dtype or strategy; as components_of()
  static memory::MemoryPlan plan_of(int level, const EngineOptions& options);
  LevelForecast plan(int level, const Request& request, bool longest_prompts) const;
  LevelForecast plan(int level, const Forecasts& forecasts) const;

  /// The least time of the same request and plan in one process. Needs a profile.
  RequestTime time_of_one_rank(const memory::MemoryPlan& plan, const Forecasts& forecasts) const;

  /// The choice of Engine::choose_plan().
  ChosenPlan chosen(const Forecasts& forecasts) const;
  Forecasts forecasts(const Request& request, bool longest_prompts) const {
    return {forecaster_, request, longest_prompts};
  }

 private:
  struct Device {
    std::string name;  ///< as device::resolve writes it, or "sim"
    c10::Device computes_on = c10::kCPU;
    device::ImitatedDevice planned;
    MemoryFacts memory;
  };
  static Device resolve(const EngineOptions& options);
  static Device resolve_device(const EngineOptions& options);
  static std::optional<device::MemoryRoom> room_at_hand(const Device& device, bool chooses);
  LevelForecast level_plan(const Forecast& forecast, const Request& request) const;
  Forecast choose(const Forecasts& forecasts) const;

  EngineOptions options_;
  Device device_;
  memory::PlanRequest choices_;
  Forecaster forecaster_;
  std::int64_t process_bytes_;
  MemoryBudget budget_;
  mutable std::unique_ptr<Forecaster> one_rank_;  ///< made when it is first needed
};

}  // namespace chitu::pipelines
