#include "tools/chitu/regress/memory_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/parse_number.h"
#include "chitu_core/device/device.h"

namespace chitu::tools {
namespace {

using Point = pipelines::MemoryCurve::Point;

constexpr const char* kHead = "stage,bytes";
constexpr double kPointsPerStage = 40;

/// Of the points that would fall on one place of the picture, the highest.
std::vector<Point> reduced(const std::vector<Point>& points) {
  std::map<long, Point> highest;
  for (const Point& point : points) {
    const auto [found, is_new] = highest.emplace(std::lround(point.stage * kPointsPerStage), point);
    if (!is_new && point.bytes > found->second.bytes) found->second = point;
  }
  std::vector<Point> kept;
  for (const auto& [place, point] : highest)
    kept.push_back({static_cast<double>(place) / kPointsPerStage, point.bytes});
  return kept;
}

bool parse_point(const std::string& line, Point& point) {
  const std::size_t comma = line.find(',');
  if (comma == std::string::npos) return false;
  const std::string_view text = line;
  const auto stage = parse_number<double>(text.substr(0, comma));
  const auto bytes = parse_number<std::int64_t>(text.substr(comma + 1));
  if (!stage || !bytes || !std::isfinite(*stage) || *stage < 0 || *bytes < 0) return false;
  point = {*stage, *bytes};
  return true;
}

}  // namespace

void MemorySamples::stage_begin(std::string_view) {
  if (!timeline_) timeline_.emplace(device_);
  timeline_->sample();
  const auto now = Clock::now();
  stages_.push_back({now, now});
}

void MemorySamples::stage_end(std::string_view) {
  timeline_->sample();
  timeline_->raise_to(device::memory_use(device_).peak_bytes, stages_.back().begin);
  stages_.back().end = Clock::now();
}

void MemorySamples::step_begin(int, int) { timeline_->sample(); }
void MemorySamples::step_end(int, int) { timeline_->sample(); }
void MemorySamples::component_onloaded(std::string_view, std::int64_t) {
  if (timeline_) timeline_->sample();
}

/// What is sampled between two stages counts as the end of the first.
double MemorySamples::place_of(Clock::time_point at) const {
  std::size_t stage = 0;
  while (stage + 1 < stages_.size() && stages_[stage + 1].begin <= at) ++stage;
  const Stage& found = stages_[stage];
  const std::chrono::duration<double> length = found.end - found.begin, past = at - found.begin;
  const double share = length.count() > 0 ? past.count() / length.count() : 1;
  // The end of a stage does not share a place with the beginning of the next.
  return static_cast<double>(stage) + std::clamp(share, 0.0, 1.0) * (1 - 1 / kPointsPerStage);
}

pipelines::MemoryCurve MemorySamples::finish(std::string name) {
  std::vector<Point> points;
  if (timeline_) timeline_->stop();
  if (timeline_ && !stages_.empty())
    for (const auto& sample : timeline_->samples())
      points.push_back({place_of(sample.at), sample.bytes});
  return {std::move(name), reduced(points)};
}

std::string to_csv(const pipelines::MemoryCurve& curve) {
  std::string text = std::string(kHead) + "\n";
  for (const Point& point : curve.points)
    text += fmt::format("{:.3f},{}\n", point.stage, point.bytes);
  return text;
}

pipelines::MemoryCurve read_curve(std::string name, const std::filesystem::path& file) {
  pipelines::MemoryCurve curve{std::move(name), {}};
  std::istringstream lines(read_file(file));
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    Point point{};
    const bool fits = number == 1 ? line == kHead : parse_point(line, point);
    if (!fits)
      throw InputError(fmt::format("{}:{}: expected {}, got \"{}\"", file.string(), number,
                                   number == 1 ? kHead : "a stage and bytes, as 2.5,1048576",
                                   line));
    if (number > 1) curve.points.push_back(point);
  }
  return curve;
}

}  // namespace chitu::tools
