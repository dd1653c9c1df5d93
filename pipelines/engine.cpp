#include "pipelines/engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/device/device.h"
#include "chitu_core/io/safetensors.h"
#include "chitu_core/pipeline/tensor_dump.h"

namespace chitu::pipelines {
namespace {

at::ScalarType parse_dtype(std::string_view key, std::string_view name, at::ScalarType if_auto) {
  if (name == "auto") return if_auto;
  if (name == "float32") return at::kFloat;
  if (name == "bfloat16") return at::kBFloat16;
  if (name == "float16") return at::kHalf;
  throw InputError(fmt::format("{}={}: expected auto, float32, bfloat16 or float16", key, name));
}

memory::MemoryPlan plan_for(const EngineOptions& options) {
  const c10::Device device = options.device == "sim" ? device::configure_sim(options.sim)
                                                     : device::resolve(options.device);
  memory::PlanRequest request;
  request.device = device;
  // On a CPU, simulated devices included, float32 is both the reference's arithmetic and, at small
  // sizes, the faster one.
  const bool on_cpu = device.is_cpu() || options.device == "sim";
  request.dtype = parse_dtype("infer.dtype", options.dtype, on_cpu ? at::kFloat : at::kBFloat16);
  request.vae_dtype = parse_dtype("infer.vae_dtype", options.vae_dtype, at::kFloat);
  return memory::make_plan(options.memory, request);
}

std::unique_ptr<Pipeline> open_pipeline(const EngineOptions& options, c10::Device device) {
  const auto folder = ModelFolder::open(options.ckpt_dir);
  const auto& families = Registry<PipelineFamily>::instance();
  const PipelineFamily* family = families.find(folder.class_name);
  if (!family)
    throw InputError(fmt::format("{}: _class_name: {} is not supported, expected one of {}",
                                 (folder.path / "model_index.json").string(), folder.class_name,
                                 join(families.names())));
  return family->open(
      folder,
      {.attn_type = options.attn_type, .device = device, .prompt_cache = options.prompt_cache});
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
  auto pipeline = open_pipeline(options, plan.transformer.device);
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
