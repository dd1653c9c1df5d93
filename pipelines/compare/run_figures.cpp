#include "pipelines/compare/run_figures.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "chitu_core/io/json.h"
#include "pipelines/observe/metrics.h"

namespace chitu::pipelines {
namespace {

void check_version(const io::JsonObject& metrics) {
  if (!metrics.contains("schema_version"))
    metrics.fail("schema_version",
                 "missing; expected a metrics.json that this version of `chitu run` wrote");
  const int version = metrics.required<int>("schema_version");
  if (version != kMetricsVersion)
    metrics.fail("schema_version", fmt::format("expected {}, got {}", kMetricsVersion, version));
}

StageFigures stage_of(const io::JsonObject& stage) {
  return {.name = stage.required<std::string>("name"),
          .peak_bytes = stage.required<std::int64_t>("peak_device_bytes"),
          .allocated_bytes = stage.required<std::int64_t>("allocated_device_bytes"),
          .h2d_bytes = stage.required<std::int64_t>("h2d_bytes"),
          .d2h_bytes = stage.required<std::int64_t>("d2h_bytes"),
          .disk_bytes = stage.required<std::int64_t>("disk_bytes"),
          .loads = stage.required<std::int64_t>("loads"),
          .seconds = stage.required<double>("seconds")};
}

std::vector<StageFigures> stages_of(const io::JsonObject& metrics) {
  if (!metrics.contains("stages")) metrics.fail("stages", "missing");
  const auto& list = metrics.json().at("stages");
  if (!list.is_array()) metrics.fail("stages", "expected a list of stages");
  std::vector<StageFigures> stages;
  for (const auto& stage : list)
    stages.push_back(stage_of(
        io::JsonObject(fmt::format("{}: stages[{}]", metrics.name(), stages.size()), stage)));
  return stages;
}

std::optional<io::FramesDigest> frames_of(const io::JsonObject& metrics) {
  if (!metrics.contains("frames") || metrics.json().at("frames").is_null()) return std::nullopt;
  const auto frames = metrics.object("frames");
  return io::FramesDigest{.width_px = frames.required<std::int64_t>("width"),
                          .height_px = frames.required<std::int64_t>("height"),
                          .each = frames.required<std::vector<std::string>>("sha256_each"),
                          .all = frames.required<std::string>("sha256")};
}

RunFigures figures_of(const io::JsonObject& metrics) {
  check_version(metrics);
  const auto device = metrics.object("memory").required<std::string>("device");
  return {.device = device.substr(0, device.find(':')),
          .stages = stages_of(metrics),
          .frames = frames_of(metrics),
          .files = metrics.value_or<std::vector<std::string>>("files", {})};
}

}  // namespace

double RunFigures::seconds() const {
  double sum = 0;
  for (const StageFigures& stage : stages) sum += stage.seconds;
  return sum;
}

RunFigures read_figures(const std::filesystem::path& file) {
  return figures_of(io::JsonObject::read(file));
}

RunFigures figures_of(const nlohmann::json& metrics, const std::string& name) {
  return figures_of(io::JsonObject(name, metrics));
}

}  // namespace chitu::pipelines
