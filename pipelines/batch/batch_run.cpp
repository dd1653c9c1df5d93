#include "pipelines/batch/batch_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/output_path.h"
#include "chitu_core/device/device.h"
#include "pipelines/batch/window_progress.h"
#include "pipelines/output/outputs.h"
#include "pipelines/spill/latents_file.h"
#include "pipelines/spill/memory_spill.h"

namespace chitu::pipelines {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Measures stages, and adds each to the items that took it.
class CostMeter {
 public:
  CostMeter(c10::Device device, std::size_t items) : device_(device), costs_(items) {}

  void begin() {
    device::reset_peak(c10::kCPU);
    device::reset_peak(device_);
    begin_ = Clock::now();
  }
  void end(WindowObserver::Items items) {
    device::synchronize(device_);
    const double seconds = seconds_since(begin_) / static_cast<double>(items.size());
    const std::int64_t on_device = device::memory_use(device_).peak_bytes;
    const std::int64_t on_host = device::peak_resident_bytes();
    for (const std::size_t item : items) {
      ItemCost& cost = costs_[item];
      cost.seconds += seconds;
      cost.peak_device_bytes = std::max(cost.peak_device_bytes, on_device);
      cost.peak_host_bytes = std::max(cost.peak_host_bytes, on_host);
    }
  }
  const ItemCost& of(std::size_t item) const { return costs_[item]; }

 private:
  c10::Device device_;
  std::vector<ItemCost> costs_;
  Clock::time_point begin_;
};

using CheckItem = std::function<void(std::size_t item)>;

/// From the window to the observer of the batch.
class Reporter final : public WindowObserver {
 public:
  /// spill  that the latents are in; null on a rank beside the first one
  Reporter(const Window& window, const DiskSpill* spill, BatchObserver& observer,
           const WindowWork& work, c10::Device device, std::size_t items, const Advice& advice,
           CheckItem check)
      : window_(window),
        spill_(spill),
        observer_(observer),
        progress_([&](double done) { observer.progress(done); }, work),
        meter_(device, items),
        advice_(advice),
        check_(std::move(check)) {}

  graph::Observer& progress() { return progress_; }

  void check(std::size_t item) override { check_(item); }

  void stage_begin(const WindowPlace& place, std::string_view stage, Items items) override {
    progress_.begin(place);
    observer_.stage_begin(stage, items);
    meter_.begin();
  }
  void stage_end(const WindowPlace&, std::string_view stage, Items items) override {
    meter_.end(items);
    observer_.stage_end(stage, items);
    progress_.end();
  }
  void stored(std::size_t item, std::size_t leg) override {
    if (spill_ && leg == window_.last_leg())
      observer_.latents_kept(item, spill_->latents_path(item));
  }
  void finished(std::size_t item, std::any result,
                const std::vector<std::string>& problems) override {
    observer_.item_saved(item, {std::any_cast<graph::SavedFiles>(std::move(result)).paths, problems,
                                meter_.of(item)});
  }
  void failed(std::size_t item, const std::exception_ptr& error) override {
    const bool keeps = spill_ && spill_->has_latents(item);
    observer_.item_failed(
        item, {advised_error(error, window_.request(item), advice_),
               keeps ? spill_->latents_path(item) : std::filesystem::path(), meter_.of(item)});
  }

 private:
  const Window& window_;
  const DiskSpill* spill_;
  BatchObserver& observer_;
  WindowProgress progress_;
  CostMeter meter_;
  const Advice& advice_;
  CheckItem check_;
};

/// Prefixes the problem of an item with its name.
void about_item(const BatchItem& item, const auto& check) {
  try {
    check();
  } catch (const InputError& error) {
    throw InputError(item.name + ": " + error.what());
  }
}

}  // namespace

BatchRun::BatchRun(const BatchModel& model, std::span<const BatchItem> items,
                   const BatchOptions& options, BatchObserver& observer)
    : model_(model), items_(items), options_(options), observer_(observer), ranks_(options.ranks) {
  if (options.size < 1)
    throw InputError(fmt::format("batch.size={}: expected 1 or more", options.size));
  if (ranks_.is_first()) check_folder();
  check_names();
  for (const BatchItem& item : items) about_item(item, [&] { check_item(item); });
  for (const BatchItem& item : items)
    planned_.items.push_back({{item.request, item.output}, !item.latents.empty()});
  const Window window(model.pipeline, planned_.items, options.size, model.pipeline.result_slot());
  for (const BatchItem& item : items)
    planned_.spilled.push_back(
        {item.name,
         {item.request, model.identity, model.ckpt_dir, window.first_stage(window.last_leg())},
         item.latents,
         item.latents.empty() ? std::nullopt : ranks_.shapes_of_first([&] {
           return LatentsFile(item.latents).shapes();
         })});
}

void BatchRun::check_folder() const {
  const std::string given = "batch.spill_dir=" + options_.spill_dir.string();
  if (const auto problem = folder_problem(options_.spill_dir))
    throw InputError(given + ": " + *problem);
  check_output_folder(given, options_.spill_dir);
}

void BatchRun::check_names() const {
  std::set<std::string> names;
  for (const BatchItem& item : items_) {
    if (item.name.empty() || item.name.find('/') != std::string::npos)
      throw Error(fmt::format("batch: \"{}\" does not name an item's files", item.name));
    if (!names.insert(item.name).second)
      throw Error(fmt::format("batch: two items are named {}", item.name));
  }
}

void BatchRun::check_item(const BatchItem& item) const {
  model_.pipeline.check(item.request);
  if (ranks_.is_first()) check_files(item);
}

void BatchRun::check_files(const BatchItem& item) const {
  if (item.output.dir.empty())
    throw InputError("output.dir: expected a folder that exists, for the media; got none");
  if (item.latents.empty()) return;
  const LatentsFile latents(item.latents);
  std::vector<std::string> components;
  for (const auto& [name, sum] : model_.identity.weights) components.push_back(name);
  check_origin(latents, model_.identity, components, model_.ckpt_dir);
  check_shape(latents, model_.pipeline);
  if (latents.origin().request != item.request)
    throw InputError(item.latents.string() + ": latents of another request");
}

void BatchRun::check_limit(const WindowForecast& forecast) const {
  const std::int64_t limit = options_.spill_limit_bytes;
  if (forecast.spill_bytes <= limit) return;
  const std::int64_t window = largest_window(forecast.leg_bytes, limit);
  throw InputError(fmt::format(
      "batch.spill_limit={}: what waits between the stages of {} requests takes {}; expected that "
      "or more{}",
      format_bytes(limit), items_.size(), format_bytes_up(forecast.spill_bytes),
      window > 0 ? fmt::format(", or batch.window={}", window) : ""));
}

BatchEnd BatchRun::run(const memory::MemoryPlan& plan, const WindowForecast& forecast,
                       const Advice& advice) {
  if (ranks_.is_first()) check_limit(forecast);
  Window window(model_.pipeline, planned_.items, options_.size, model_.pipeline.result_slot());
  const auto [spill, disk] = open_spill(window.last_leg(), forecast.spill_bytes);
  Reporter reporter(
      window, disk, observer_, forecast.work.front(), plan.device, items_.size(), advice,
      [&](std::size_t item) { model_.check_output(items_[item].request, items_[item].output); });
  graph::Context context{plan, options_.observers, options_.stop};
  context.observers.push_back(&reporter.progress());
  return window.run(*spill, reporter, context, options_.pause, ranks_);
}

BatchRun::OpenSpill BatchRun::open_spill(std::size_t last_leg, std::int64_t most_bytes) const {
  if (!ranks_.is_first()) return {std::make_unique<RankSpill>(last_leg), nullptr};
  auto disk =
      std::make_unique<DiskSpill>(options_.spill_dir, planned_.spilled, last_leg, most_bytes);
  const DiskSpill* const seen = disk.get();
  return {std::move(disk), seen};
}

}  // namespace chitu::pipelines
