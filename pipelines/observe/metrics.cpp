#include "pipelines/observe/metrics.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/device/device.h"
#include "chitu_core/io/safetensors.h"

namespace chitu::pipelines {
namespace {

nlohmann::json to_json(const io::FramesDigest& digest) {
  return {{"count", digest.each.size()},
          {"width", digest.width_px},
          {"height", digest.height_px},
          {"sha256", digest.all},
          {"sha256_each", digest.each}};
}

}  // namespace

Metrics::Metrics(c10::Device device, RunClock clock) : device_(device), clock_(clock) {}

void Metrics::stage_begin(std::string_view stage) {
  peak_host_bytes_ = std::max(peak_host_bytes_, device::peak_resident_bytes());
  device::reset_peak(c10::kCPU);
  device::reset_peak(device_);
  before_ = {device::traffic(device_), io::read_bytes()};
  {
    const std::lock_guard lock(mutex_);
    streaming_ = {};
  }
  stages_.push_back({.name = std::string(stage), .begin_s = clock_.seconds()});
  in_stage_ = true;
}

void Metrics::stage_end(std::string_view) {
  device::synchronize(device_);
  measure(stages_.back());
  in_stage_ = false;
}

void Metrics::measure(StageCost& stage) const {
  stage.end_s = clock_.seconds();
  const auto use = device::memory_use(device_);
  stage.allocated_device_bytes = use.allocated_bytes;
  stage.reserved_device_bytes = use.reserved_bytes;
  stage.peak_device_bytes = use.peak_bytes;
  stage.peak_host_bytes = device::peak_resident_bytes();
  const auto traffic = device::traffic(device_);
  stage.h2d_bytes = traffic.h2d_bytes - before_.traffic.h2d_bytes;
  stage.d2h_bytes = traffic.d2h_bytes - before_.traffic.d2h_bytes;
  stage.disk_bytes = io::read_bytes() - before_.disk_bytes;
  const std::lock_guard lock(mutex_);
  if (streaming_.busy_s > 0)
    stage.overlap = std::max(0.0, 1 - streaming_.waited_s / streaming_.busy_s);
}

void Metrics::layer_streamed(std::string_view component,
                             const memory::StreamEvent& event) noexcept {
  const double seconds = std::chrono::duration<double>(event.end - event.begin).count();
  const std::lock_guard lock(mutex_);
  (event.kind == memory::StreamEvent::Kind::wait ? streaming_.waited_s : streaming_.busy_s) +=
      seconds;
  copies_.add(component, event);
}

std::string Metrics::cache_text() const {
  const std::lock_guard lock(mutex_);
  const std::int64_t saved = copies_.saved_bytes(decisions_);
  if (saved == 0) return decisions_.text();
  return fmt::format("{}; {} of {} of layers not copied", decisions_.text(), format_bytes(saved),
                     format_bytes(saved + copies_.copied_bytes(decisions_)));
}

nlohmann::json Metrics::cache_report() const {
  if (decisions_.empty()) return {};
  nlohmann::json report = to_json(decisions_);
  const std::lock_guard lock(mutex_);
  report["copied_layer_bytes"] = copies_.copied_bytes(decisions_);
  report["saved_layer_bytes"] = copies_.saved_bytes(decisions_);
  return report;
}

std::vector<StageCost> Metrics::stages() const {
  auto stages = stages_;
  if (in_stage_) measure(stages.back());
  return stages;
}

void Metrics::step_begin(int index, int) { steps_.push_back({index, clock_.seconds(), 0}); }

void Metrics::step_end(int, int) {
  device::synchronize(device_);
  steps_.back().end_s = clock_.seconds();
}

void Metrics::component_onloaded(std::string_view component, std::int64_t bytes) {
  components_.emplace_back(component, bytes);
  if (in_stage_) ++stages_.back().loads;
}

void Metrics::frames_made(const at::Tensor& frames) { frames_ = io::digest_of(frames); }

nlohmann::json Metrics::report() const {
  using nlohmann::json;
  json stages = json::array(), steps = json::array(), components = json::array();
  std::int64_t peak_device_bytes = 0, peak_host_bytes = peak_host_bytes_;
  for (const StageCost& stage : this->stages()) {
    stages.push_back(to_json(stage));
    peak_device_bytes = std::max(peak_device_bytes, stage.peak_device_bytes);
    peak_host_bytes = std::max(peak_host_bytes, stage.peak_host_bytes);
  }
  for (const Step& step : steps_)
    steps.push_back({{"index", step.index},
                     {"begin_s", step.begin_s},
                     {"end_s", step.end_s},
                     {"seconds", step.end_s - step.begin_s}});
  for (const auto& [name, bytes] : components_)
    components.push_back({{"name", name}, {"weight_bytes", bytes}});
  return {{"schema_version", kMetricsVersion},
          {"versions", {{"chitu", CHITU_VERSION}, {"libtorch", TORCH_VERSION}}},
          {"threads", at::get_num_threads()},
          {"cpu",
           {{"capability", to_string(cpu_capability())},
            {"bfloat16_instructions", has_bfloat16_instructions()}}},
          {"frames", frames_ ? to_json(*frames_) : json()},
          {"stages", stages},
          {"sums", sums_json(this->stages())},
          {"steps", steps},
          {"flexcache", cache_report()},
          {"components", components},
          {"memory",
           {{"device", device_.str()},
            {"peak_device_bytes", peak_device_bytes},
            {"peak_host_bytes", std::max(peak_host_bytes, device::peak_resident_bytes())}}},
          {"seconds",
           {{"since_process_start", clock_.seconds()},
            {"to_first_step", steps_.empty() ? json() : json(steps_.front().begin_s)}}}};
}

}  // namespace chitu::pipelines
