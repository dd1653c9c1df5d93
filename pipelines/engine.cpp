#include "pipelines/engine.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/library_memory.h"
#include "chitu_core/graph/tensor_dump.h"
#include "chitu_core/io/safetensors.h"
#include "chitu_core/memory/levels.h"
#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/degrees.h"
#include "pipelines/batch/batch_parts.h"
#include "pipelines/batch/batch_run.h"
#include "pipelines/batch/latents_run.h"
#include "pipelines/batch/window_forecast.h"
#include "pipelines/forecast/process_size.h"
#include "pipelines/forecast/rank_facts.h"
#include "pipelines/model/device_choices.h"
#include "pipelines/output/outputs.h"
#include "pipelines/side_output_error.h"
#include "pipelines/spill/latents_file.h"

namespace chitu::pipelines {

struct Engine::Impl {
  memory::MemoryConfig config;
  memory::PlanRequest devices;
  memory::MemoryPlan plan;
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<Forecaster> forecaster{};  ///< made when first needed
  std::optional<PlanChoice> choice{};
  /// The plan was chosen for it and has not run yet: a request, and its latents if they are
  /// decoded.
  std::optional<std::pair<Request, std::filesystem::path>> chosen_for{};
  std::optional<DeviceProfile> profile{};
  std::filesystem::path ckpt_dir{};
  ModelChoices choices{};                                ///< that the pipeline was opened with
  LoraChoices configured{};                              ///< of requests that name none
  std::vector<std::vector<LoraChoice>> fitting_loras{};  ///< known to fit the checkpoint
  std::optional<MemoryBound> declared{};                 ///< memory of the device
  std::int64_t process_bytes = 0;           ///< before any weights; set when requests are planned
  std::optional<ModelIdentity> identity{};  ///< read when first needed
  std::shared_ptr<const parallel::Groups> groups{};  ///< null for one process

  bool chooses() const { return chooses_plan(config); }
  /// Whether a plan that is not chosen is checked before it runs. sim enforces its own capacity.
  bool checks() const { return declared && devices.device.type() != c10::kPrivateUse1; }
  bool plans() const { return chooses() || checks(); }
  ModelChoices with_loras(const std::vector<LoraChoice>& loras) const;
  void check_loras(const std::vector<LoraChoice>& loras);
  void use_loras(const Request& request);
  const Forecaster& the_forecaster();
  std::int64_t weights_held() const;
  std::vector<std::string> held_components() const;
  device::MemoryRoom room() const;
  MemoryFacts facts(const device::MemoryRoom& room) const;
  MemoryBudget budget(const device::MemoryRoom& room) const;
  MemoryBudget budget_of_ranks() const;
  BatchModel model();
  LatentsFile open_latents(const std::filesystem::path& path);
  PlanChoice choose(const Forecasts& forecasts);
  void choose_and_take(const Forecasts& forecasts);
  const memory::MemoryPlan& choose_plan(const Request& request);
  const memory::MemoryPlan& choose_decode_plan(const LatentsFile& latents);
  std::string advice(const Request& request, const std::exception& error);
  void take(const memory::MemoryPlan& plan);
  auto with_advice(const Request& request, const auto& work);
  auto run_window(auto& run, std::int64_t size);
  std::string what_would_fit(const Request& request);
  std::string what_the_device_holds(const Request& request);
  std::string what_needs_less(const Request& request);
  std::vector<std::string> lower_levels(const Forecasts& forecasts, std::int64_t most_bytes) const;
  std::string what_auto_takes(const Request& request, std::int64_t total_bytes);
};

ModelChoices Engine::Impl::with_loras(const std::vector<LoraChoice>& loras) const {
  ModelChoices changed = choices;
  changed.loras = {loras, configured.mode, "request.loras"};
  return changed;
}

/// Opens the checkpoint with them, once.
void Engine::Impl::check_loras(const std::vector<LoraChoice>& loras) {
  if (std::ranges::find(fitting_loras, loras) != fitting_loras.end()) return;
  const c10::InferenceMode inference;
  ModelChoices checked = with_loras(loras);
  checked.for_plan = true;
  open_pipeline(ckpt_dir, checked);
  fitting_loras.push_back(loras);
}

/// Opens the checkpoint again if the request has other LoRAs than the one before.
void Engine::Impl::use_loras(const Request& request) {
  const auto& wanted = request.loras ? *request.loras : configured.list;
  if (wanted == choices.loras.list) return;
  ModelChoices changed = with_loras(wanted);
  auto opened = open_pipeline(ckpt_dir, changed);
  for (memory::Component* component : pipeline->components()) component->forget();
  forecaster.reset();
  choice.reset();
  chosen_for.reset();
  pipeline = std::move(opened);
  choices = std::move(changed);
}

const Forecaster& Engine::Impl::the_forecaster() {
  if (!forecaster)
    forecaster =
        std::make_unique<Forecaster>(pipeline->for_plan(), imitated_device(devices.device));
  return *forecaster;
}

/// Bytes that freeing the components makes available again.
std::int64_t Engine::Impl::weights_held() const {
  std::int64_t bytes = 0;
  for (const memory::Component* component : pipeline->components())
    if (plan.component(component->name()).device == devices.device)
      bytes += component->module().bound_bytes();
  return bytes;
}

/// Resident components that an earlier run has left loaded.
std::vector<std::string> Engine::Impl::held_components() const {
  std::vector<std::string> names;
  for (const memory::Component* component : pipeline->components())
    if (component->onloaded()) names.push_back(component->name());
  return names;
}

/// On a CPU, the memory of the process counts as free, since it is reused; process_bytes represents
/// it.
device::MemoryRoom Engine::Impl::room() const {
  device::MemoryRoom room = device::memory_room(devices.device);
  room.free_bytes += devices.device.is_cpu()
                         ? device::owned_bytes()
                         : weights_held() + device::library_bytes(devices.device);
  return room;
}

MemoryFacts Engine::Impl::facts(const device::MemoryRoom& room) const {
  MemoryFacts facts;
  facts.device = devices.device.str();
  facts.host_computes = devices.device.is_cpu();
  facts.declared = declared;
  facts.room = room;
  facts.host_total_bytes = device::memory_room(c10::kCPU).total_bytes;
  facts.process_bytes = process_bytes;
  facts.library_bytes = device::library_bytes(devices.device);
  return facts;
}

MemoryBudget Engine::Impl::budget(const device::MemoryRoom& room) const {
  return memory_budget(config, facts(room));
}

/// All ranks run under one plan, which fits each of them.
MemoryBudget Engine::Impl::budget_of_ranks() const {
  const MemoryFacts own = facts(room());
  return memory_budget(config, groups ? facts_of_ranks(own, *groups->world) : own);
}

PlanChoice Engine::Impl::choose(const Forecasts& forecasts) {
  const MemoryBudget budget = budget_of_ranks();
  if (!chooses()) return keep_plan(forecasts, plan, budget);
  return pipelines::choose_plan(forecasts, config, devices, budget, profile);
}

void Engine::Impl::choose_and_take(const Forecasts& forecasts) {
  choice = choose(forecasts);
  take(choice->forecast.plan);
}

const memory::MemoryPlan& Engine::Impl::choose_plan(const Request& request) {
  use_loras(request);
  pipeline->check(request);
  if (!plans()) return plan;
  choose_and_take(Forecasts(the_forecaster(), request));
  chosen_for = {request, {}};
  return plan;
}

const memory::MemoryPlan& Engine::Impl::choose_decode_plan(const LatentsFile& latents) {
  if (!plans()) return plan;
  const Request& request = latents.origin().request;
  const PlannedWindow window{{{{request}, true}}, {{"", latents.origin(), latents.path()}}};
  choose_and_take(Forecasts(the_forecaster(), request, false,
                            {"the decoding",
                             [&](const memory::MemoryPlan& tried) {
                               return forecast_windows(*forecaster, tried, {window}, 1).forecast;
                             },
                             {}}));
  chosen_for = {request, latents.path()};
  return plan;
}

/// The checkpoint by its content, for what is kept on disk.
BatchModel Engine::Impl::model() {
  if (!identity) {
    std::vector<std::string> names;
    for (const memory::Component* component : pipeline->components())
      names.push_back(component->name());
    identity = identify_model(ckpt_dir, names, choices.files);
  }
  return {*pipeline, *identity, ckpt_dir, [this](const Request& request, const Output& output) {
            check_outputs(request, output, {}, ckpt_dir);
          }};
}

LatentsFile Engine::Impl::open_latents(const std::filesystem::path& path) {
  LatentsFile latents(path);
  const LatentsRun run(*pipeline);
  check_origin(latents, model().identity, run.components(), ckpt_dir);
  check_shape(latents, *pipeline);
  run.check(latents);
  return latents;
}

/// Uses this plan from now on; components that it places differently are freed.
void Engine::Impl::take(const memory::MemoryPlan& next) {
  if (next == plan) return;
  plan = next;
  for (memory::Component* component : pipeline->components()) component->offload();
}

/// After running out of memory: the need of this plan, and the levels that need less.
std::string Engine::Impl::what_would_fit(const Request& request) {
  try {
    return devices.device.is_cpu() ? what_needs_less(request) : what_the_device_holds(request);
  } catch (const std::exception&) {
    return "";  // there may be no memory for a dry run either
  }
}

/// The levels below the plan's with their peaks, if these are at most this large.
std::vector<std::string> Engine::Impl::lower_levels(const Forecasts& forecasts,
                                                    std::int64_t most_bytes) const {
  std::vector<std::string> levels;
  for (int level = plan.low_mem_level + 1; level < memory::kLevels; ++level) {
    memory::MemoryConfig lower = config;
    lower.low_mem_level = level;
    const std::int64_t peak = forecasts.of(memory::make_plan(lower, devices)).peak_bytes();
    if (peak <= most_bytes)
      levels.push_back(
          fmt::format("infer.diffusion.low_mem_level={} needs {}", level, format_bytes(peak)));
  }
  return levels;
}

std::string Engine::Impl::what_the_device_holds(const Request& request) {
  const Forecasts forecasts(the_forecaster(), request);
  const std::int64_t total = device::memory_room(devices.device).total_bytes;
  const auto levels = lower_levels(forecasts, total);
  return fmt::format(
      "level {} needs {}, {} has {}; {}", plan.low_mem_level,
      format_bytes_up(forecasts.of(plan).peak_bytes()), devices.device.str(), format_bytes(total),
      levels.empty() ? what_auto_takes(request, total) : "what would fit: " + join(levels));
}

/// A process may have less memory than the host; what needs less may still work.
std::string Engine::Impl::what_needs_less(const Request& request) {
  const Forecasts forecasts(the_forecaster(), request);
  const std::int64_t needed = forecasts.of(plan).peak_bytes();
  const auto levels = lower_levels(forecasts, needed - 1);
  return fmt::format("level {} needs {} of tensors, the host has {} free{}", plan.low_mem_level,
                     format_bytes_up(needed), format_bytes(room().free_bytes),
                     levels.empty() ? "" : "; what needs less: " + join(levels));
}

/// If no level fits as it is: auto also makes tiles smaller and holds fewer guidance branches at a
/// time.
std::string Engine::Impl::what_auto_takes(const Request& request, std::int64_t total_bytes) {
  memory::MemoryConfig any_level = config;
  any_level.low_mem_level.reset();
  try {
    const PlanChoice taken = pipelines::choose_plan(the_forecaster(), any_level, devices, request,
                                                    budget({total_bytes, total_bytes}), profile);
    return fmt::format(
        "what would fit: infer.diffusion.low_mem_level=auto, which takes level {} and needs {}",
        taken.forecast.plan.low_mem_level, format_bytes(taken.needed_bytes));
  } catch (const OutOfMemoryError& error) {
    return fmt::format("no level holds this request here; see chitu plan: {}", error.what());
  }
}

Engine::Engine(const EngineOptions& options) {
  const c10::InferenceMode inference;
  cpu_capability();  // reports a wrong CHITU_CPU_CAPABILITY before any work
  parallel::check_groups(options.parallel);
  const auto devices = devices_of(options);
  auto plan = memory::make_plan(options.memory, devices);
  const ModelChoices choices = model_choices(options, devices.device);
  auto pipeline = open_pipeline(options.ckpt_dir, choices);
  impl_ =
      std::make_unique<Impl>(Impl{options.memory, devices, std::move(plan), std::move(pipeline)});
  impl_->profile = options.profile;
  impl_->ckpt_dir = options.ckpt_dir;
  impl_->choices = choices;
  impl_->configured = choices.loras;
  impl_->groups = options.parallel.groups;
  impl_->declared = declared_memory(options.sim.capacity_bytes, options.profile, devices.device);
  if (impl_->plans())
    impl_->process_bytes = process_size(devices, imitated_device(devices.device).host_kernels);
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

Request Engine::complete(const PartialRequest& partial) const {
  if (partial.loras) impl_->check_loras(*partial.loras);
  return pipelines::complete(*impl_->pipeline, partial);
}

/// After running out of memory under a plan that nobody checked: what would fit.
std::string Engine::Impl::advice(const Request& request, const std::exception& error) {
  const bool device_full = exit_code(error) == exit_codes::kOutOfMemory && !is_system_limit(error);
  return device_full && !plans() ? what_would_fit(request) : "";
}

/// Calls `work`. Where it ran out of memory, the error says what would fit.
auto Engine::Impl::with_advice(const Request& request, const auto& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    const std::string more = advice(request, error);
    if (more.empty()) throw;
    throw OutOfMemoryError(explain(error) + "; " + more);
  }
}

/// Runs a window under a plan that is made or chosen for it.
auto Engine::Impl::run_window(auto& run, std::int64_t size) {
  const WindowForecasts forecasts(the_forecaster(), {run.planned()}, size,
                                  {plan, held_components()});
  if (plans()) choose_and_take(forecasts.for_choice());
  chosen_for.reset();
  return run.run(
      plan, forecasts.of(plan),
      [&](const Request& request, const std::exception& error) { return advice(request, error); });
}

namespace {

/// A context, and the tensors that the run keeps for a dump.
class RunContext {
 public:
  RunContext(const memory::MemoryPlan& plan, const Engine::RunOptions& options)
      : context_{plan, options.observers, options.stop,
                 options.dump_tensors.empty() ? nullptr : &dump_} {}
  RunContext(const RunContext&) = delete;
  graph::Context& context() { return context_; }

  /// Writes the dump. Returns what could not be written beside the media.
  std::vector<std::string> finish(const std::filesystem::path& dump_file) {
    if (context_.dump)
      context_.write_aside("debug.dump_tensors",
                           [&] { io::write_safetensors(dump_file, dump_.tensors()); });
    return std::move(context_.failed_outputs);
  }

 private:
  graph::TensorDump dump_;
  graph::Context context_;
};

}  // namespace

/// The plan that this request runs under: the one chosen for it, or a new choice.
void Engine::take_plan(const Request& request) {
  impl_->use_loras(request);
  if (impl_->chosen_for != std::pair(request, std::filesystem::path())) choose_plan(request);
  impl_->chosen_for.reset();
}

/// Writes the media by `work` and, after it, what goes beside them. `take` chooses the plan once
/// the outputs are checked.
std::vector<std::filesystem::path> Engine::save(const Request& request, const Output& output,
                                                const RunOptions& options,
                                                const std::function<void()>& take,
                                                const SaveWork& work) {
  if (output.dir.empty() && options.dump_tensors.empty() && options.observers.empty())
    throw InputError("output.dir: expected a folder that exists, for the media; got none");
  const auto dump_file = check_outputs(request, output, options.dump_tensors, impl_->ckpt_dir);
  take();
  RunContext run(impl_->plan, options);
  auto saved = impl_->with_advice(request, [&] { return work({request, output}, run.context()); });
  if (const auto problems = run.finish(dump_file); !problems.empty())
    throw SideOutputError(join(problems, "; "), saved.paths);
  return saved.paths;
}

std::vector<std::filesystem::path> Engine::generate(const Request& request, const Output& output,
                                                    const RunOptions& options) {
  const c10::InferenceMode inference;
  return save(
      request, output, options, [&] { take_plan(request); },
      [&](Job job, graph::Context& context) {
        return LatentsRun(*impl_->pipeline)
            .generate(
                std::move(job), context, [&] { return impl_->model(); }, options.latents_kept);
      });
}

std::vector<std::filesystem::path> Engine::decode(const std::filesystem::path& path,
                                                  const Output& output, const RunOptions& options) {
  const c10::InferenceMode inference;
  const LatentsFile latents = impl_->open_latents(path);
  const Request& request = latents.origin().request;
  const auto take = [&] {
    if (impl_->chosen_for != std::pair(request, path)) impl_->choose_decode_plan(latents);
    impl_->chosen_for.reset();
  };
  return save(request, output, options, take, [&](Job job, graph::Context& context) {
    return LatentsRun(*impl_->pipeline).decode(std::move(job), latents, context);
  });
}

Request Engine::latents_request(const std::filesystem::path& latents) const {
  return impl_->open_latents(latents).origin().request;
}

Engine::MadeFrames Engine::make_frames(const Request& request, const RunOptions& options) {
  const c10::InferenceMode inference;
  const auto dump_file = check_outputs(request, {}, options.dump_tensors, impl_->ckpt_dir);
  take_plan(request);
  RunContext run(impl_->plan, options);
  auto frames = impl_->with_advice(
      request, [&] { return impl_->pipeline->make_frames({request}, run.context()); });
  return {std::move(frames), run.finish(dump_file)};
}

BatchEnd Engine::generate_batch(std::span<const BatchItem> items, const BatchOptions& options,
                                BatchObserver& observer) {
  const c10::InferenceMode inference;
  for (const BatchPart& part : parts_of(items)) {
    impl_->use_loras(part.items.front().request);
    PartObserver seen(observer, part, items.size());
    const BatchModel model = impl_->model();
    BatchRun run(model, part.items, options, seen);
    if (const BatchEnd end = impl_->run_window(run, options.size); end != BatchEnd::finished)
      return end;
  }
  return BatchEnd::finished;
}

void Engine::make_frames_batch(std::span<const Request> requests,
                               const FramesBatchOptions& options) {
  const c10::InferenceMode inference;
  for (const RequestPart& part : parts_of(requests)) {
    impl_->use_loras(part.items.front());
    const FramesBatchOptions of_part = options_of(part, options, requests.size());
    FramesBatch batch(*impl_->pipeline, part.items, of_part);
    impl_->run_window(batch, of_part.size);
  }
}

const memory::MemoryPlan& Engine::choose_plan(const Request& request) {
  return impl_->choose_plan(request);
}

const memory::MemoryPlan& Engine::choose_decode_plan(const std::filesystem::path& latents) {
  return impl_->choose_decode_plan(impl_->open_latents(latents));
}

const std::optional<PlanChoice>& Engine::choice() const { return impl_->choice; }

const ModelIdentity& Engine::identity() const {
  impl_->model();
  return *impl_->identity;
}

const graph::Graph& Engine::graph() const { return impl_->pipeline->graph(); }
const memory::MemoryPlan& Engine::plan() const { return impl_->plan; }
std::vector<const memory::Component*> Engine::components() const {
  const auto components = impl_->pipeline->components();
  return {components.begin(), components.end()};
}

}  // namespace chitu::pipelines
