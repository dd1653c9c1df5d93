#include "pipelines/engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "chitu_core/common/error.h"
#include "chitu_core/device/device.h"
#include "chitu_core/io/safetensors.h"
#include "chitu_core/pipeline/tensor_dump.h"
#include "pipelines/device_choices.h"

namespace chitu::pipelines {
namespace {

memory::MemoryPlan plan_for(const EngineOptions& options) {
  const c10::Device device = options.device == "sim" ? device::configure_sim(options.sim)
                                                     : device::resolve(options.device);
  return memory::make_plan(options.memory, choices_on(device, options));
}

}  // namespace

struct Engine::Impl {
  memory::MemoryPlan plan;
  std::unique_ptr<Pipeline> pipeline;
};

Engine::Engine(const EngineOptions& options) {
  const c10::InferenceMode inference;
  if (options.threads > 0) at::set_num_threads(options.threads);
  auto plan = plan_for(options);
  auto pipeline = open_pipeline(
      options.ckpt_dir, {.attn_type = options.attn_type, .device = plan.transformer.device});
  impl_ = std::make_unique<Impl>(Impl{std::move(plan), std::move(pipeline)});
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
  impl_->pipeline->check(request);
  pipeline::TensorDump dump;
  pipeline::Context context{impl_->plan, options.observers, options.stop,
                            options.dump_tensors.empty() ? nullptr : &dump};
  auto saved = impl_->pipeline->run({request, output}, context);
  if (context.dump) io::write_safetensors(options.dump_tensors, dump.tensors());
  return saved.paths;
}

const pipeline::Graph& Engine::graph() const { return impl_->pipeline->graph(); }
const memory::MemoryPlan& Engine::plan() const { return impl_->plan; }
std::vector<memory::Component*> Engine::components() const { return impl_->pipeline->components(); }

}  // namespace chitu::pipelines
