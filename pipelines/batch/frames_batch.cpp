#include "pipelines/batch/frames_batch.h"

#include <fmt/format.h>

#include <utility>

#include "chitu_core/common/error.h"
#include "pipelines/batch/window_progress.h"
#include "pipelines/spill/memory_spill.h"

namespace chitu::pipelines {
namespace {

/// Of values that wait: the tensor whose name ends in "latents"; undefined when there is none.
at::Tensor latents_in(const graph::StoredValue& values) {
  for (const auto& [name, tensor] : values.tensors)
    if (name.ends_with("latents")) return tensor;
  return {};
}

/// From the window to who asked for frames.
class FramesReporter final : public WindowObserver {
 public:
  FramesReporter(const Window& window, MemorySpill& spill, const FramesBatchOptions& options,
                 const WindowWork& work, const Advice& advice)
      : window_(window),
        spill_(spill),
        options_(options),
        progress_(options.progress, work),
        advice_(advice) {}

  graph::Observer& progress() { return progress_; }

  void stage_begin(const WindowPlace& place, std::string_view, Items) override {
    progress_.begin(place);
  }
  void stage_end(const WindowPlace&, std::string_view, Items) override { progress_.end(); }
  void finished(std::size_t item, std::any result,
                const std::vector<std::string>& problems) override {
    at::Tensor latents;
    if (window_.last_leg() > 0) latents = latents_in(spill_.get(item, window_.last_leg()));
    options_.made(item, {std::any_cast<graph::Frames>(std::move(result)), std::move(latents),
                         problems, nullptr});
  }
  void failed(std::size_t item, const std::exception_ptr& error) override {
    spill_.remove(item, window_.last_leg());
    options_.made(item, {{}, {}, {}, advised_error(error, window_.request(item), advice_)});
  }

 private:
  const Window& window_;
  MemorySpill& spill_;
  const FramesBatchOptions& options_;
  WindowProgress progress_;
  const Advice& advice_;
};

}  // namespace

FramesBatch::FramesBatch(const Pipeline& pipeline, std::span<const Request> requests,
                         const FramesBatchOptions& options)
    : pipeline_(pipeline), options_(options) {
  if (options.size < 1)
    throw InputError(fmt::format("batch.size={}: expected 1 or more", options.size));
  for (const Request& request : requests) {
    planned_.items.push_back({{request}});
    planned_.spilled.push_back({"", {request, {}, {}, {}}});
  }
}

void FramesBatch::run(const memory::MemoryPlan& plan, const WindowForecast& forecast,
                      const Advice& advice) {
  Window window(pipeline_, planned_.items, options_.size, pipeline_.frames_slot());
  MemorySpill spill;
  FramesReporter reporter(window, spill, options_, forecast.work.front(), advice);
  graph::Context context{plan, {&reporter.progress()}, options_.stop};
  window.run(spill, reporter, context);
}

}  // namespace chitu::pipelines
