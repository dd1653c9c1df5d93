#include "pipelines/batch/batch_parts.h"

#include <algorithm>
#include <utility>

namespace chitu::pipelines {
namespace {

const Request& request_of(const BatchItem& item) { return item.request; }
const Request& request_of(const Request& request) { return request; }

template <class Item>
std::vector<WindowPart<Item>> cut(std::span<const Item> items) {
  std::vector<WindowPart<Item>> parts;
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto found = std::ranges::find_if(parts, [&](const auto& part) {
      return request_of(part.items.front()).loras == request_of(items[i]).loras;
    });
    if (found == parts.end()) found = parts.insert(parts.end(), WindowPart<Item>());
    found->items.push_back(items[i]);
    found->indices.push_back(i);
  }
  for (std::size_t i = 1; i < parts.size(); ++i)
    parts[i].before = parts[i - 1].before + parts[i - 1].items.size();
  return parts;
}

double whole(double done, std::size_t of, std::size_t before, std::size_t total) {
  if (of == total) return done;
  return (static_cast<double>(before) + done * static_cast<double>(of)) /
         static_cast<double>(total);
}

}  // namespace

std::vector<BatchPart> parts_of(std::span<const BatchItem> items) { return cut(items); }
std::vector<RequestPart> parts_of(std::span<const Request> requests) { return cut(requests); }

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
    if (options.progress) options.progress(whole(done, part.items.size(), part.before, total));
  };
  of_part.made = [&part, &options](std::size_t index, BatchFrames frames) {
    options.made(part.indices[index], std::move(frames));
  };
  return of_part;
}

}  // namespace chitu::pipelines
