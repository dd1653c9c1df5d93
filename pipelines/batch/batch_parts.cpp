#include "pipelines/batch/batch_parts.h"

#include <algorithm>
#include <utility>

namespace chitu::pipelines {
namespace {

/// Indices of those with the same LoRAs, in the order of the first of each.
std::vector<std::vector<std::size_t>> same_loras(std::size_t count, const auto& loras_of) {
  std::vector<std::vector<std::size_t>> parts;
  for (std::size_t i = 0; i < count; ++i) {
    const auto found = std::ranges::find_if(
        parts, [&](const auto& part) { return loras_of(part.front()) == loras_of(i); });
    if (found == parts.end())
      parts.push_back({i});
    else
      found->push_back(i);
  }
  return parts;
}

double whole(double done, std::size_t of, std::size_t before, std::size_t total) {
  if (of == total) return done;
  return (static_cast<double>(before) + done * static_cast<double>(of)) /
         static_cast<double>(total);
}

}  // namespace

std::vector<BatchPart> parts_of(std::span<const BatchItem> items) {
  std::vector<BatchPart> parts;
  std::size_t before = 0;
  for (auto& indices :
       same_loras(items.size(), [&](std::size_t i) -> auto& { return items[i].request.loras; })) {
    BatchPart part{{}, std::move(indices), before};
    for (const std::size_t i : part.indices) part.items.push_back(items[i]);
    before += part.items.size();
    parts.push_back(std::move(part));
  }
  return parts;
}

std::vector<RequestPart> parts_of(std::span<const Request> requests) {
  std::vector<RequestPart> parts;
  std::size_t before = 0;
  for (auto& indices :
       same_loras(requests.size(), [&](std::size_t i) -> auto& { return requests[i].loras; })) {
    RequestPart part{{}, std::move(indices), before};
    for (const std::size_t i : part.indices) part.requests.push_back(requests[i]);
    before += part.requests.size();
    parts.push_back(std::move(part));
  }
  return parts;
}

std::vector<std::size_t> PartObserver::in_window(std::span<const std::size_t> items) const {
  std::vector<std::size_t> indices;
  for (const std::size_t item : items) indices.push_back(part_.indices[item]);
  return indices;
}

void PartObserver::stage_begin(std::string_view stage, std::span<const std::size_t> items) {
  observer_.stage_begin(stage, in_window(items));
}

void PartObserver::stage_end(std::string_view stage, std::span<const std::size_t> items) {
  observer_.stage_end(stage, in_window(items));
}

void PartObserver::progress(double done) {
  observer_.progress(whole(done, part_.items.size(), part_.before, total_));
}

FramesBatchOptions options_of(const RequestPart& part, const FramesBatchOptions& options,
                              std::size_t total) {
  FramesBatchOptions of_part = options;
  of_part.progress = [&part, &options, total](double done) {
    if (options.progress) options.progress(whole(done, part.requests.size(), part.before, total));
  };
  of_part.made = [&part, &options](std::size_t index, BatchFrames frames) {
    options.made(part.indices[index], std::move(frames));
  };
  return of_part;
}

}  // namespace chitu::pipelines
