#include "pipelines/metrics.h"

#include <ATen/Parallel.h>
#include <time.h>
#include <torch/headeronly/version.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "chitu_core/device/device.h"

namespace chitu::pipelines {
namespace {

/// Field 22 of /proc/self/stat: when the process began, in clock ticks after boot.
double process_start_after_boot() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // The second field is the command's name in parentheses and may hold spaces.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string field;
  for (int index = 3; index <= 22; ++index) fields >> field;
  return std::stod(field) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

nlohmann::json component_json(const memory::ComponentPlan& plan) {
  return {{"residency", memory::to_string(plan.residency)},
          {"device", plan.device.str()},
          {"dtype", c10::toString(plan.dtype)},
          {"resident_layers", plan.resident_layers}};
}

}  // namespace

double seconds_since_start() {
  static const double start = process_start_after_boot();
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) - start;
}

Metrics::Metrics(c10::Device device) : device_(device) {}

void Metrics::stage_begin(std::string_view stage) {
  device::reset_peak(device_);
  stages_.push_back({std::string(stage), seconds_since_start(), 0, 0});
}

void Metrics::stage_end(std::string_view) {
  device::synchronize(device_);
  Span& span = stages_.back();
  span.end_s = seconds_since_start();
  span.peak_device_bytes = device::memory_use(device_).peak_bytes;
  peak_device_bytes_ = std::max(peak_device_bytes_, span.peak_device_bytes);
}

void Metrics::step_begin(int index, int) {
  steps_.push_back({std::to_string(index), seconds_since_start(), 0, 0});
}

void Metrics::step_end(int, int) {
  device::synchronize(device_);
  steps_.back().end_s = seconds_since_start();
}

void Metrics::component_onloaded(std::string_view component, std::int64_t bytes) {
  components_.emplace_back(component, bytes);
}

nlohmann::json Metrics::report() const {
  using nlohmann::json;
  json stages = json::array(), steps = json::array(), components = json::array();
  for (const Span& span : stages_)
    stages.push_back({{"name", span.name},
                      {"begin_s", span.begin_s},
                      {"end_s", span.end_s},
                      {"seconds", span.end_s - span.begin_s},
                      {"peak_device_bytes", span.peak_device_bytes}});
  for (const Span& span : steps_)
    steps.push_back({{"index", std::stoi(span.name)},
                     {"begin_s", span.begin_s},
                     {"end_s", span.end_s},
                     {"seconds", span.end_s - span.begin_s}});
  for (const auto& [name, bytes] : components_)
    components.push_back({{"name", name}, {"weight_bytes", bytes}});
  return {{"versions", {{"chitu", CHITU_VERSION}, {"libtorch", TORCH_VERSION}}},
          {"threads", at::get_num_threads()},
          {"stages", stages},
          {"steps", steps},
          {"components", components},
          {"memory",
           {{"device", device_.str()},
            {"peak_device_bytes", peak_device_bytes_},
            {"peak_host_bytes",
             std::max(device::peak_resident_bytes(), device_.is_cpu() ? peak_device_bytes_ : 0)}}},
          {"seconds",
           {{"since_process_start", seconds_since_start()},
            {"to_first_step", steps_.empty() ? json() : json(steps_.front().begin_s)}}}};
}

nlohmann::json to_json(const Request& request) {
  return {
      {"prompt", request.prompt},
      {"negative_prompt", request.negative_prompt},
      {"width", request.width},
      {"height", request.height},
      {"num_frames", request.num_frames},
      {"num_inference_steps", request.num_inference_steps},
      {"guidance_scale", request.guidance_scale},
      {"seed", request.seed},
      {"fps", request.fps},
      {"max_sequence_length", request.max_sequence_length},
      {"flow_shift", request.flow_shift ? nlohmann::json(*request.flow_shift) : nlohmann::json()}};
}

nlohmann::json to_json(const PlanChoice& choice) {
  nlohmann::json rejected = nlohmann::json::array();
  for (const auto& [level, bytes] : choice.rejected)
    rejected.push_back({{"low_mem_level", level}, {"needed_bytes", bytes}});
  return {{"budget", choice.budget.source},
          {"budget_bytes", choice.budget.bytes},
          {"needed_bytes", choice.needed_bytes},
          {"rejected", rejected}};
}

nlohmann::json to_json(const memory::MemoryPlan& plan) {
  return {{"low_mem_level", plan.low_mem_level},
          {"strategies", plan.strategies},
          {"text_encoder", component_json(plan.text_encoder)},
          {"transformer", component_json(plan.transformer)},
          {"vae", component_json(plan.vae)},
          {"vae_tiling", memory::to_string(plan.vae_tiling)},
          {"vae_tile_latents", plan.vae_tile_latents}};
}

}  // namespace chitu::pipelines
