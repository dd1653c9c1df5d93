#include "pipelines/observe/profile.h"

#include <fmt/format.h>

#include "chitu_core/device/device.h"

namespace chitu::pipelines {
namespace {

const ChromeTrace::Track kStages{0, "stages"}, kSteps{1, "steps"};

ChromeTrace::Track layers_of(std::string_view component) {
  return {2, fmt::format("layers of {}", component)};
}

ChromeTrace::Track lane_of(memory::StreamEvent::Kind kind) {
  switch (kind) {
    case memory::StreamEvent::Kind::disk_read:
      return {3, "disk read"};
    case memory::StreamEvent::Kind::host_to_device:
      return {4, "host to device copy"};
    default:
      return {5, "wait for weights"};
  }
}

}  // namespace

Profile::Profile(c10::Device device) : device_(device) {
  operators_.emplace();
  chart_.title = fmt::format("Memory allocated on {}", device.str());
  if (device.is_cpu()) chart_.title = "Resident set of the process";
}

double Profile::seconds(Clock::time_point at) const {
  return std::chrono::duration<double>(at - start_).count();
}

void Profile::begin(ChromeTrace::Track track, std::string name) {
  memory_->sample();
  open_.push_back({std::move(track), std::move(name), Clock::now()});
}

void Profile::end() {
  device::synchronize(device_);
  Open ended = std::move(open_.back());
  open_.pop_back();
  const auto now = Clock::now();
  trace_.span(ended.track, ended.name, ended.begin, now);
  memory_->sample();
  if (ended.track != kStages) return;
  const std::int64_t peak = device::memory_use(device_).peak_bytes;
  const auto at = memory_->raise_to(peak, ended.begin);
  chart_.stages.push_back({ended.name, seconds(ended.begin), seconds(now), seconds(at), peak});
}

void Profile::stage_begin(std::string_view stage) {
  device::reset_peak(device_);
  if (!memory_) memory_.emplace(device_);
  begin(kStages, std::string(stage));
}

void Profile::stage_end(std::string_view) { end(); }

void Profile::step_begin(int index, int count) {
  begin(kSteps, fmt::format("step {} of {}", index + 1, count));
}

void Profile::step_end(int, int) {
  // A step that throws gets an end event; the layer that threw does not.
  while (open_.back().track != kSteps) end();
  end();
}

void Profile::step_decided(const graph::StepDecision& decision) {
  trace_.instant(kSteps, fmt::format("{} {}", decision.component, decision.decision), Clock::now(),
                 {{"computed_layers", decision.computed_layers}, {"layers", decision.layers}});
}

void Profile::component_onloaded(std::string_view component, std::int64_t bytes) {
  memory_->sample();
  trace_.instant(kStages, fmt::format("{} onloaded", component), Clock::now(), {{"bytes", bytes}});
}

void Profile::component_offloaded(std::string_view component) {
  memory_->sample();
  trace_.instant(kStages, fmt::format("{} offloaded", component), Clock::now());
}

void Profile::layer_begin(std::string_view component, std::int64_t index) {
  begin(layers_of(component), fmt::format("layer {}", index));
}

void Profile::layer_end(std::string_view, std::int64_t) { end(); }

void Profile::layer_streamed(std::string_view component,
                             const memory::StreamEvent& event) noexcept {
  trace_.span(lane_of(event.kind), fmt::format("{} layer {}", component, event.layer), event.begin,
              event.end, {{"layer", event.layer}, {"bytes", event.bytes}});
}

std::vector<Profile::File> Profile::finish() {
  while (!open_.empty()) end();
  const auto operators = operators_ ? operators_->hottest() : std::vector<OperatorTime>();
  operators_.reset();
  if (memory_) memory_->stop();
  for (const auto& sample : memory_ ? memory_->samples() : std::vector<MemoryTimeline::Sample>()) {
    trace_.counter("device memory", sample.at, sample.bytes);
    chart_.samples.push_back({seconds(sample.at), sample.bytes});
  }
  return {{kFileNames[0], trace_.text()},
          {kFileNames[1], memory_svg(chart_)},
          {kFileNames[2], operators_table(operators)}};
}

}  // namespace chitu::pipelines
