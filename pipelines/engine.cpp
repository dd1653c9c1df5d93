#include "pipelines/engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/device/compute_threads.h"
#include "chitu_core/device/device.h"
#include "chitu_core/io/safetensors.h"
#include "chitu_core/memory/levels.h"
#include "chitu_core/pipeline/tensor_dump.h"
#include "pipelines/device_choices.h"
#include "pipelines/outputs.h"
#include "pipelines/process_size.h"
#include "pipelines/side_output_error.h"

namespace chitu::pipelines {

struct Engine::Impl {
  memory::MemoryConfig config;
  memory::PlanRequest devices;
  memory::MemoryPlan plan;
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<Planner> planner{};  ///< made when first asked
  std::optional<PlanChoice> choice{};
  std::optional<Request> chosen_for{};  ///< whose plan was chosen and has not been run yet
  std::optional<DeviceProfile> profile{};
  std::filesystem::path ckpt_dir{};
  std::int64_t process_bytes = 0;  ///< before any weights; known when plans are chosen

  /// Whether a request decides what its plan is.
  bool chooses() const { return !config.low_mem_level || config.vram_limit || config.host_limit; }
  const Planner& the_planner();
  std::int64_t weights_held() const;
  MemoryBudget budget() const;
  void take(const memory::MemoryPlan& plan);
  std::string what_would_fit(const Request& request);
  std::string what_auto_takes(const Request& request, std::int64_t total_bytes);
};

const Planner& Engine::Impl::the_planner() {
  if (!planner)
    planner = std::make_unique<Planner>(pipeline->for_plan(), planned_device(devices.device));
  return *planner;
}

/// Bytes that are free again once the components are let go.
std::int64_t Engine::Impl::weights_held() const {
  std::int64_t bytes = 0;
  for (const memory::Component* component : pipeline->components())
    if (plan.component(component->name()).device == devices.device)
      bytes += component->module().bound_bytes();
  return bytes;
}

MemoryBudget Engine::Impl::budget() const {
  const c10::Device device = devices.device;
  const device::MemoryRoom room = device::memory_room(device);
  MemoryBudget budget;
  // On a CPU all that the process holds counts. What it holds now would count memory that the last
  // request freed and the allocator kept.
  if (device.is_cpu()) budget.base_bytes = process_bytes;
  if (config.host_limit)
    budget.host_bytes = config.host_limit->of(device::memory_room(c10::kCPU).total_bytes);
  budget.host_base_bytes = process_bytes;
  const std::int64_t held = device.is_cpu() ? device::resident_bytes() : weights_held();
  const std::int64_t free = room.free_bytes + held;
  budget.bytes = free;
  budget.source = "free memory of " + device.str();
  if (!config.vram_limit) return budget;
  const std::int64_t bytes = config.vram_limit->of(room.total_bytes);
  if (bytes > free) return budget;
  budget.bytes = bytes;
  budget.source = "infer.vram_limit";
  return budget;
}

/// Obeys a plan from now on; components that it treats otherwise are let go.
void Engine::Impl::take(const memory::MemoryPlan& next) {
  if (next == plan) return;
  plan = next;
  for (memory::Component* component : pipeline->components()) component->offload();
}

/// After running out of memory: the levels that the device has room for.
std::string Engine::Impl::what_would_fit(const Request& request) {
  if (devices.device.is_cpu()) return "";
  const std::int64_t total = device::memory_room(devices.device).total_bytes;
  std::vector<std::string> levels;
  for (int level = plan.low_mem_level + 1; level < memory::kLevels; ++level) {
    memory::MemoryConfig lower = config;
    lower.low_mem_level = level;
    const auto forecast = the_planner().forecast(request, memory::make_plan(lower, devices));
    if (forecast.peak_device_bytes <= total)
      levels.push_back(fmt::format("infer.diffusion.low_mem_level={} needs {}", level,
                                   format_bytes(forecast.peak_device_bytes)));
  }
  if (levels.empty()) return what_auto_takes(request, total);
  return "what would fit: " + join(levels);
}

/// Where no level holds the request as it comes: auto also makes tiles smaller and holds less of
/// guidance at a time.
std::string Engine::Impl::what_auto_takes(const Request& request, std::int64_t total_bytes) {
  memory::MemoryConfig any_level = config;
  any_level.low_mem_level.reset();
  MemoryBudget budget;
  budget.bytes = total_bytes;
  try {
    const PlanChoice taken =
        pipelines::choose_plan(the_planner(), any_level, devices, request, budget, profile);
    return fmt::format(
        "what would fit: infer.diffusion.low_mem_level=auto, which takes level {} and needs {}",
        taken.forecast.plan.low_mem_level, format_bytes(taken.needed_bytes));
  } catch (const OutOfMemoryError&) {
    return "no level holds this request here; see chitu plan";
  }
}

Engine::Engine(const EngineOptions& options) {
  const c10::InferenceMode inference;
  cpu_capability();  // a wrong CHITU_CPU_CAPABILITY is told about before anything is done
  if (options.threads > 0) at::set_num_threads(options.threads);
  device::start_compute_threads();
  const auto devices = devices_of(options);
  auto plan = memory::make_plan(options.memory, devices);
  auto pipeline = open_pipeline(options.ckpt_dir, {.attn_type = options.attn_type,
                                                   .device = devices.device,
                                                   .prompt_cache = options.prompt_cache});
  impl_ =
      std::make_unique<Impl>(Impl{options.memory, devices, std::move(plan), std::move(pipeline)});
  impl_->profile = options.profile;
  impl_->ckpt_dir = options.ckpt_dir;
  if (impl_->chooses())
    impl_->process_bytes = process_size(devices, planned_device(devices.device).host_kernels);
}

Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

Request Engine::complete(const PartialRequest& partial) const {
  return pipelines::complete(*impl_->pipeline, partial);
}

std::vector<std::filesystem::path> Engine::generate(const Request& request, const Output& output,
                                                    const RunOptions& options) {
  const c10::InferenceMode inference;
  if (output.dir.empty() && options.dump_tensors.empty() && options.observers.empty())
    throw InputError("output.dir: expected a folder that exists, for the media; got none");
  const auto dump_file = check_outputs(request, output, options.dump_tensors, impl_->ckpt_dir);
  if (impl_->chosen_for != request) choose_plan(request);
  impl_->chosen_for.reset();
  pipeline::TensorDump dump;
  pipeline::Context context{impl_->plan, options.observers, options.stop,
                            options.dump_tensors.empty() ? nullptr : &dump};
  const auto saved = [&] {
    try {
      return impl_->pipeline->run({request, output}, context);
    } catch (const std::exception& error) {
      const bool device_full =
          exit_code(error) == exit_codes::kOutOfMemory && !is_system_limit(error);
      if (!device_full || impl_->chooses()) throw;
      const std::string advice = impl_->what_would_fit(request);
      if (advice.empty()) throw;
      throw OutOfMemoryError(explain(error) + "; " + advice);
    }
  }();
  if (context.dump)
    context.write_aside("debug.dump_tensors",
                        [&] { io::write_safetensors(dump_file, dump.tensors()); });
  if (!context.failed_outputs.empty())
    throw SideOutputError(join(context.failed_outputs, "; "), saved.paths);
  return saved.paths;
}

const memory::MemoryPlan& Engine::choose_plan(const Request& request) {
  impl_->pipeline->check(request);
  if (!impl_->chooses()) return impl_->plan;
  impl_->choice = pipelines::choose_plan(impl_->the_planner(), impl_->config, impl_->devices,
                                         request, impl_->budget(), impl_->profile);
  impl_->take(impl_->choice->forecast.plan);
  impl_->chosen_for = request;
  return impl_->plan;
}

const std::optional<PlanChoice>& Engine::choice() const { return impl_->choice; }

const pipeline::Graph& Engine::graph() const { return impl_->pipeline->graph(); }
const memory::MemoryPlan& Engine::plan() const { return impl_->plan; }
std::vector<memory::Component*> Engine::components() const { return impl_->pipeline->components(); }

}  // namespace chitu::pipelines
