#include "pipelines/observe/chrome_trace.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace chitu::pipelines {
namespace {

constexpr int kProcess = 1;

/// One line per event: such a file can be searched and compared.
std::string lines_of(const std::vector<nlohmann::json>& events) {
  std::string text = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [";
  for (std::size_t i = 0; i < events.size(); ++i) text += (i ? ",\n" : "\n") + events[i].dump();
  return text + "\n]}\n";
}

nlohmann::json metadata(const char* name, std::size_t thread, nlohmann::json args) {
  return {{"name", name},  {"ph", "M"},       {"ts", 0},
          {"tid", thread}, {"pid", kProcess}, {"args", std::move(args)}};
}

}  // namespace

double ChromeTrace::microseconds(Clock::time_point at) const {
  return std::chrono::duration<double, std::micro>(at - start_).count();
}

void ChromeTrace::add(char phase, const Track& track, std::string name, Clock::time_point begin,
                      Clock::time_point end, Args args) {
  const std::lock_guard lock(mutex_);
  const auto known = std::find(tracks_.begin(), tracks_.end(), track);
  const auto index = static_cast<std::size_t>(known - tracks_.begin());
  if (known == tracks_.end()) tracks_.push_back(track);
  events_.push_back({phase, index, std::move(name), begin, end, std::move(args)});
}

void ChromeTrace::span(const Track& track, std::string name, Clock::time_point begin,
                       Clock::time_point end, Args args) {
  add('X', track, std::move(name), begin, end, std::move(args));
}

void ChromeTrace::instant(const Track& track, std::string name, Clock::time_point at, Args args) {
  add('i', track, std::move(name), at, at, std::move(args));
}

void ChromeTrace::counter(const std::string& name, Clock::time_point at, std::int64_t value) {
  // A counter is drawn as its own track above the others.
  add('C', {-1, name}, name, at, at, {{"bytes", value}});
}

std::string ChromeTrace::text() const {
  const std::lock_guard lock(mutex_);
  std::vector<nlohmann::json> events{metadata("process_name", 0, {{"name", "chitu"}})};
  for (std::size_t i = 0; i < tracks_.size(); ++i) {
    if (tracks_[i].rank < 0) continue;
    events.push_back(metadata("thread_name", i + 1, {{"name", tracks_[i].name}}));
    events.push_back(metadata("thread_sort_index", i + 1, {{"sort_index", tracks_[i].rank}}));
  }
  std::vector<const Event*> sorted;
  for (const Event& event : events_) sorted.push_back(&event);
  // An enclosing span is recorded at its end, but must come before the spans inside it.
  std::stable_sort(sorted.begin(), sorted.end(), [](const Event* a, const Event* b) {
    return a->begin != b->begin ? a->begin < b->begin : a->end > b->end;
  });
  for (const Event* event : sorted) {
    nlohmann::json json{{"name", event->name},
                        {"ph", std::string(1, event->phase)},
                        {"ts", microseconds(event->begin)},
                        {"pid", kProcess},
                        {"tid", event->track + 1}};
    if (event->phase == 'X')
      json["dur"] = std::chrono::duration<double, std::micro>(event->end - event->begin).count();
    if (event->phase == 'i') json["s"] = "t";  // drawn on its own track
    for (const auto& [key, value] : event->args) json["args"][key] = value;
    events.push_back(std::move(json));
  }
  return lines_of(events);
}

}  // namespace chitu::pipelines
