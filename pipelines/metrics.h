#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/memory/plan.h"
#include "chitu_core/pipeline/events.h"
#include "pipelines/plan_choice.h"
#include "pipelines/request.h"

namespace chitu::pipelines {

/// Seconds since this process was started, from the kernel's own record (10 ms steps at worst).
double seconds_since_start();

/// Watches a run and tells what it cost: seconds of each stage and step, counted from the start of
/// the process, bytes of each component, and the most memory held.
class Metrics final : public pipeline::Observer {
 public:
  explicit Metrics(c10::Device device);

  void stage_begin(std::string_view stage) override;
  void stage_end(std::string_view stage) override;
  void step_begin(int index, int count) override;
  void step_end(int index, int count) override;
  void component_onloaded(std::string_view component, std::int64_t bytes) override;

  /// What was seen so far, with the versions of chitu and libtorch.
  nlohmann::json report() const;

 private:
  struct Span {
    std::string name;
    double begin_s;
    double end_s;
    std::int64_t peak_device_bytes;
  };

  c10::Device device_;
  std::vector<Span> stages_;
  std::vector<Span> steps_;
  std::vector<std::pair<std::string, std::int64_t>> components_;
  std::int64_t peak_device_bytes_ = 0;
};

/// The request and the plan as they stand in metrics.json.
nlohmann::json to_json(const Request& request);
nlohmann::json to_json(const memory::MemoryPlan& plan);
nlohmann::json to_json(const PlanChoice& choice);

}  // namespace chitu::pipelines
