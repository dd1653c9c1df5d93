#include "chitu/engine.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/device/compute_threads.h"
#include "pipelines/api/batch_collector.h"
#include "pipelines/api/callback_observer.h"
#include "pipelines/api/config_access.h"
#include "pipelines/api/latents_keeper.h"
#include "pipelines/api/pipeline_info.h"
#include "pipelines/api/plain_errors.h"
#include "pipelines/api/quiet_log.h"
#include "pipelines/api/requests.h"
#include "pipelines/api/video_access.h"
#include "pipelines/engine.h"

namespace chitu {
namespace {

/// The number of threads that the calling thread computes with, while this lives.
class ComputeThreads {
 public:
  explicit ComputeThreads(std::optional<int> count) : before_(at::get_num_threads()) {
    if (count)
      device::use_compute_threads(*count);
    else
      device::start_compute_threads();
  }
  ~ComputeThreads() {
    if (at::get_num_threads() != before_) at::set_num_threads(before_);
  }
  ComputeThreads(const ComputeThreads&) = delete;
  ComputeThreads& operator=(const ComputeThreads&) = delete;

 private:
  int before_;
};

/// Lets one thread at a time use an engine.
class Turn {
 public:
  explicit Turn(std::mutex& mutex, std::atomic<std::thread::id>& user) : user_(user) {
    if (user_ == std::this_thread::get_id())
      throw Error("an engine is called from one of its own callbacks, where it waits for itself");
    lock_ = std::unique_lock(mutex);
    user_ = std::this_thread::get_id();
  }
  ~Turn() { user_ = std::thread::id(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::atomic<std::thread::id>& user_;
  std::unique_lock<std::mutex> lock_;
};

}  // namespace

struct Engine::Impl {
  explicit Impl(const pipelines::EngineOptions& options) : engine(options) {}

  pipelines::Engine engine;
  Request defaults{};  ///< the values of requests in the configuration
  std::optional<int> threads{};
  std::int64_t batch_size = 1;
  std::mutex mutex{};
  std::atomic<std::thread::id> user{};

  pipelines::Request complete(const Request& request) const {
    return engine.complete(api::to_partial(api::merged(request, defaults)));
  }
  std::vector<pipelines::Request> complete_all(const std::vector<Request>& requests) const;
  Video generate(const pipelines::Request& request, const RunOptions& options,
                 api::CallbackObserver& callbacks);
};

namespace {

Request defaults_of(const Config& config, const pipelines::Settings& settings) {
  Request defaults = api::from_partial(settings.request);
  if (!ConfigAccess::has_prompt(config)) defaults.prompt.reset();
  return defaults;
}

/// Reports keys that only the command uses, instead of ignoring them.
void refuse_files_of_a_run(const pipelines::DebugSettings& debug) {
  if (debug.dump_tensors)
    throw InputError("debug.dump_tensors=" + *debug.dump_tensors +
                     ": only the command writes it; a program reads Video::latents() and "
                     "RunOptions::on_step");
  if (debug.profile)
    throw InputError("debug.profile=true: only the command writes profiles; expected false");
}

}  // namespace

Engine::Engine(const Config& config) {
  api::log_quietly();
  api::with_plain_errors([&] {
    const auto settings = ConfigAccess::settings(config);
    refuse_files_of_a_run(settings.debug);
    impl_ = std::make_unique<Impl>(settings.engine_options());
    impl_->defaults = defaults_of(config, settings);
    impl_->threads = settings.infer.threads;
    impl_->batch_size = settings.batch.size;
  });
}

Engine::Engine(const EngineOptions& options) {
  api::log_quietly();
  impl_ = api::with_plain_errors([&] { return std::make_unique<Impl>(options); });
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

Request Engine::complete(const Request& request) const {
  const Turn turn(impl_->mutex, impl_->user);
  return api::with_plain_errors([&] { return api::from_complete(impl_->complete(request)); });
}

std::vector<pipelines::Request> Engine::Impl::complete_all(
    const std::vector<Request>& requests) const {
  std::vector<pipelines::Request> completed;
  for (const Request& request : requests) try {
      completed.push_back(complete(request));
    } catch (const InputError& error) {
      throw InputError("request " + std::to_string(completed.size()) + ": " + error.what());
    }
  return completed;
}

Video Engine::Impl::generate(const pipelines::Request& request, const RunOptions& options,
                             api::CallbackObserver& callbacks) {
  api::LatentsKeeper latents;
  auto made = engine.make_frames(
      request, {.observers = {&latents, &callbacks}, .stop = options.stop, .dump_tensors = {}});
  return VideoAccess::make({.frames = api::checked_frames(made.frames.frames),
                            .latents = latents.take(),
                            .completed = request,
                            .request = api::from_complete(request),
                            .problems = std::move(made.problems)});
}

Video Engine::generate(const Request& request, const RunOptions& options) {
  const Turn turn(impl_->mutex, impl_->user);
  api::CallbackObserver callbacks(options);
  try {
    return api::with_plain_errors([&] {
      const pipelines::Request completed = impl_->complete(request);
      const ComputeThreads threads(impl_->threads);
      return impl_->generate(completed, options, callbacks);
    });
  } catch (...) {
    callbacks.rethrow_failure();
    throw;
  }
}

std::vector<BatchResult> Engine::generate_batch(const std::vector<Request>& requests,
                                                const BatchOptions& options) {
  const Turn turn(impl_->mutex, impl_->user);
  api::BatchCollector collector(options, requests.size());
  try {
    api::with_plain_errors([&] {
      const auto completed = impl_->complete_all(requests);
      const ComputeThreads threads(impl_->threads);
      impl_->engine.make_frames_batch(
          completed, collector.options(options.size.value_or(impl_->batch_size), completed));
    });
    return collector.take();
  } catch (...) {
    collector.rethrow_failure();
    throw;
  }
}

PipelineInfo Engine::pipeline() const { return api::pipeline_info(impl_->engine.graph()); }

}  // namespace chitu
