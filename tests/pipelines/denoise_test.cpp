#include "pipelines/stages/denoise.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/graph/tensor_dump.h"
#include "chitu_core/io/checkpoint.h"
#include "pipelines/batch/window.h"
#include "pipelines/forecast/forecaster.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using nlohmann::json;

constexpr std::int64_t kChannels = 4;

/// One layer of a square matrix.
class Mix : public memory::Module {
 public:
  Mix() : weight(add_parameter("weight", {kChannels, kChannels})) {}
  memory::Parameter& weight;
};
using Expert = memory::ModelComponent<Mix>;

/// Predicts for some prompts of each video: the latents mixed by the weights, and the prompt.
class ToyBranch final : public GuidanceBranch {
 public:
  explicit ToyBranch(const Expert& expert) : expert_(expert) {}
  void add(std::vector<at::Tensor> prompts) { videos_.push_back(std::move(prompts)); }
  void drop(std::size_t video) override {
    videos_.erase(videos_.begin() + static_cast<std::ptrdiff_t>(video));
  }
  std::vector<std::vector<at::Tensor>> predict(const std::vector<at::Tensor>& latents,
                                               double timestep,
                                               memory::LayerObserver& layers) override {
    std::vector<std::vector<at::Tensor>> velocities(videos_.size());
    layers.before_layer(0);
    for (std::size_t i = 0; i < videos_.size(); ++i)
      for (const at::Tensor& prompt : videos_[i])
        velocities[i].push_back(
            at::matmul(latents[i], expert_.model().weight.tensor).add(prompt.mul(timestep / 1000)));
    layers.after_layer(0);
    return velocities;
  }

 private:
  const Expert& expert_;
  std::vector<std::vector<at::Tensor>> videos_;
};

class ToyPredictor final : public Predictor<graph::TextEmbeddings> {
 public:
  explicit ToyPredictor(Expert& expert) : expert_(expert) {}
  memory::Component& component() const override { return expert_; }
  GuidanceBranches branches(const std::vector<DenoiseStart<graph::TextEmbeddings>>& videos,
                            const memory::MemoryPlan& plan) const override {
    const bool guided = videos[0].condition.negative_prompt_embeds.defined();
    std::vector<std::unique_ptr<ToyBranch>> branches;
    for (int i = 0; i < (guided && !plan.guidance_interleave ? 2 : 1); ++i)
      branches.push_back(std::make_unique<ToyBranch>(expert_));
    for (const auto& [latents, embeddings, job] : videos) {
      std::vector<std::vector<at::Tensor>> parts(branches.size());
      parts.front().push_back(embeddings.prompt_embeds);
      if (guided) parts.back().push_back(embeddings.negative_prompt_embeds);
      for (std::size_t i = 0; i < parts.size(); ++i) branches[i]->add(parts[i]);
    }
    return {std::make_move_iterator(branches.begin()), std::make_move_iterator(branches.end())};
  }

 private:
  Expert& expert_;
};

at::Tensor numbers(double step, const graph::Context& context) {
  const c10::Device device = context.plan.component("transformer").device;
  if (device::in_dry_run())
    return at::empty({1, kChannels}, at::TensorOptions().device(device).dtype(at::kFloat));
  return device::move_to(at::sin(at::arange(kChannels, at::kFloat) * step).view({1, kChannels}),
                         device);
}

struct Noise {
  using Inputs = std::tuple<Job>;
  using Output = graph::Latents;
  static constexpr std::string_view name = "noise";
  std::vector<memory::Component*> components() const { return {}; }
  graph::Latents run(const Job&, graph::Context& context) const { return {numbers(2, context)}; }
};

struct Embed {
  using Inputs = std::tuple<Job>;
  using Output = graph::TextEmbeddings;
  static constexpr std::string_view name = "embed";
  std::vector<memory::Component*> components() const { return {}; }
  graph::TextEmbeddings run(const Job& job, graph::Context& context) const {
    graph::TextEmbeddings embeddings;
    embeddings.prompt_embeds = numbers(3, context);
    if (job.request.guided()) embeddings.negative_prompt_embeds = numbers(5, context);
    return embeddings;
  }
};

/// The component from a file or, for a dry run, with its size only.
std::unique_ptr<Expert> expert(const testing::TemporaryFolder& folder, const std::string& name,
                               double value, bool for_plan) {
  const auto path = folder / name;
  std::filesystem::create_directories(path);
  io::write_safetensors(path / "model.safetensors",
                        {{"weight", at::eye(kChannels).mul(value).add(0.01)}});
  std::shared_ptr<const memory::WeightSource> source = std::make_shared<memory::FileWeights>(path);
  if (for_plan) source = std::make_shared<memory::DryRunWeights>(nullptr, at::kFloat);
  return std::make_unique<Expert>(name, std::make_shared<Mix>(), std::move(source));
}

struct Setting {
  json scheduler;
  double first_weight = 0.5, second_weight = 0.5;
  std::optional<double> boundary{};  ///< a second use takes the steps below this timestep
  Guidance second_guidance{};
  bool for_plan = false;
};

/// Latents from one denoising stage, or from two with a transformer each.
class ToyPipeline final : public Pipeline {
 public:
  explicit ToyPipeline(const Setting& setting)
      : first_(expert(folder_, "transformer", setting.first_weight, setting.for_plan)),
        second_(expert(folder_, "vae", setting.second_weight, setting.for_plan)) {
    using Stage = Denoise<graph::TextEmbeddings>;
    const auto scheduler = std::make_shared<const models::SchedulerFactory>(
        io::JsonObject("scheduler_config.json", setting.scheduler));
    const auto job = graph_.input<Job>();
    const auto noise = graph_.add(Noise{}, job);
    const auto text = graph_.add(Embed{}, job);
    const auto high = graph_.add(Stage{std::make_shared<ToyPredictor>(*first_),
                                       {scheduler, {}, setting.boundary.value_or(0)}},
                                 noise, text, job);
    latents_ = high;
    if (setting.boundary)
      latents_ = graph_.add(
          "denoise_low_noise",
          Stage{std::make_shared<ToyPredictor>(*second_), {scheduler, setting.second_guidance}},
          high, text, job);
  }
  const graph::Graph& graph() const override { return graph_; }
  std::vector<memory::Component*> components() const override {
    return {first_.get(), second_.get()};
  }
  RequestDefaults request_defaults() const override { return {}; }
  void check(const Request&) const override {}
  SizeSteps size_steps() const override { return {}; }
  std::vector<std::int64_t> latents_shape(const Request&) const override { return {}; }
  std::size_t result_slot() const override { return latents_->slot; }
  std::size_t frames_slot() const override { return latents_->slot; }
  std::int64_t transformer_layers() const override { return 0; }
  double recomputed_share(const Request&, const memory::MemoryPlan&) const override { return 0; }
  std::unique_ptr<Pipeline> for_plan() const override { return nullptr; }

  graph::Latents latents(Job job, graph::Context& context) const {
    return graph_.run(std::move(job), *latents_, context);
  }

 private:
  testing::TemporaryFolder folder_;
  std::unique_ptr<Expert> first_, second_;
  graph::Graph graph_;
  std::optional<graph::Port<graph::Latents>> latents_;
};

json unipc(int order) {
  return {{"_class_name", "UniPCMultistepScheduler"},
          {"flow_shift", 3.0},
          {"prediction_type", "flow_prediction"},
          {"use_flow_sigmas", true},
          {"solver_order", order}};
}
json euler() { return {{"_class_name", "FlowMatchEulerDiscreteScheduler"}, {"shift", 3.0}}; }

/// The steps that each stage takes, and the components that are loaded for them.
struct Recorder final : graph::Observer {
  void stage_begin(std::string_view stage) override {
    if (device) device::reset_peak(*device);
    stages.emplace_back(stage);
    steps.emplace_back();
  }
  void stage_end(std::string_view) override {
    if (device) peaks.push_back(device::memory_use(*device).peak_bytes);
  }
  void step_end(int index, int of) override {
    steps.back().push_back(index);
    count = of;
  }
  void component_onloaded(std::string_view name, std::int64_t) override {
    onloaded.emplace_back(name);
  }
  std::optional<c10::Device> device{};
  std::vector<std::string> stages, onloaded;
  std::vector<std::vector<int>> steps;
  std::vector<std::int64_t> peaks;
  int count = 0;
};

Job job_of(std::int64_t steps, double guidance_scale = 5) {
  Job job;
  job.request.num_inference_steps = steps;
  job.request.guidance_scale = guidance_scale;
  return job;
}

memory::MemoryPlan plan_on(c10::Device device, memory::Residency residency) {
  memory::MemoryPlan plan;
  plan.device = device;
  plan.components = {{"text_encoder", memory::Role::text_encoder, {residency, device}},
                     {"transformer", memory::Role::transformer, {residency, device}},
                     {"vae", memory::Role::vae, {residency, device}}};
  return plan;
}

at::Tensor latents_of(const Setting& setting, const Job& job, Recorder& recorder) {
  const c10::InferenceMode inference;
  graph::Context context;
  context.plan = plan_on(c10::kCPU, memory::Residency::resident);
  context.observers = {&recorder};
  return ToyPipeline(setting).latents(job, context).latents;
}

std::vector<int> range(int first, int end) {
  std::vector<int> numbers;
  for (int i = first; i < end; ++i) numbers.push_back(i);
  return numbers;
}

TEST_CASE("steps shared by two denoising stages give the bits of one", "[pipelines]") {
  const json scheduler = GENERATE(unipc(1), unipc(2), unipc(3), euler());
  const double guidance_scale = GENERATE(1.0, 5.0);
  const int steps = GENERATE(1, 2, 7);
  CAPTURE(scheduler.dump(), guidance_scale, steps);
  const Job job = job_of(steps, guidance_scale);
  Recorder alone;
  const at::Tensor wanted = latents_of({.scheduler = scheduler}, job, alone);
  CHECK(alone.steps.back() == range(0, steps));
  for (const double boundary : {0.0, 300.0, 875.0, 950.0, 2000.0}) {
    CAPTURE(boundary);
    Recorder split;
    CHECK(
        at::equal(wanted, latents_of({.scheduler = scheduler, .boundary = boundary}, job, split)));
    REQUIRE(split.stages ==
            std::vector<std::string>{"noise", "embed", "denoise", "denoise_low_noise"});
    const int first = static_cast<int>(split.steps[2].size());
    CHECK(split.steps[2] == range(0, first));
    CHECK(split.steps[3] == range(first, steps));
    CHECK(split.count == steps);
  }
}

TEST_CASE("a denoising stage takes the steps whose timesteps reach its boundary", "[pipelines]") {
  // As the schedule's own test has them, the timesteps of 4 steps are 999, 900, 750 and 500.
  const auto steps_of = [](double boundary) {
    Recorder recorder;
    latents_of({.scheduler = unipc(2), .boundary = boundary}, job_of(4), recorder);
    return recorder.steps;
  };
  CHECK(steps_of(900)[2] == range(0, 2));
  CHECK(steps_of(900.5)[2] == range(0, 1));
  CHECK(steps_of(500)[2] == range(0, 4));
  CHECK(steps_of(1000)[2].empty());
}

TEST_CASE("a denoising stage without steps does not load its component", "[pipelines]") {
  Recorder recorder;
  SECTION("the first") {
    latents_of({.scheduler = unipc(2), .boundary = 2000}, job_of(4), recorder);
    CHECK(recorder.onloaded == std::vector<std::string>{"vae"});
  }
  SECTION("the second") {
    latents_of({.scheduler = unipc(2), .boundary = 0}, job_of(4), recorder);
    CHECK(recorder.onloaded == std::vector<std::string>{"transformer"});
  }
}

TEST_CASE("each of two denoising stages uses its own component and guidance", "[pipelines]") {
  Recorder recorder;
  const auto latents = [&](Setting setting) { return latents_of(setting, job_of(6), recorder); };
  const Setting plain{.scheduler = unipc(2), .boundary = 900};
  Setting other_expert = plain, other_scale = plain;
  other_expert.second_weight = 0.25;
  other_scale.second_guidance.scale = [](const Request& request) {
    return request.guidance_scale - 1;
  };
  CHECK_FALSE(at::equal(latents(plain), latents(other_expert)));
  CHECK_FALSE(at::equal(latents(plain), latents(other_scale)));
  other_expert.boundary = other_scale.boundary = 0;  // all steps belong to the first stage
  CHECK(at::equal(latents({.scheduler = unipc(2)}), latents(other_expert)));
  CHECK(at::equal(latents({.scheduler = unipc(2)}), latents(other_scale)));
}

TEST_CASE("a forecast counts the steps of each denoising stage, and its peaks are those of the run",
          "[pipelines]") {
  const auto residency = GENERATE(memory::Residency::resident, memory::Residency::offloaded);
  const auto [steps, boundary] =
      GENERATE(std::pair(1, 900.0), std::pair(6, 900.0), std::pair(50, 900.0), std::pair(50, 417.0),
               std::pair(50, 0.0), std::pair(50, 2000.0));
  CAPTURE(steps, boundary);
  const c10::InferenceMode inference;
  const c10::Device sim = device::configure_sim({});
  const Job job = job_of(steps);
  Setting setting{.scheduler = unipc(3), .boundary = boundary};
  graph::Context context;
  context.plan = plan_on(sim, residency);
  Recorder recorder;
  recorder.device = sim;
  context.observers = {&recorder};
  const auto before = device::sim_traffic();
  const auto held = device::memory_use(sim).allocated_bytes;
  {
    const ToyPipeline pipeline(setting);
    pipeline.latents(job, context);
  }
  const auto moved = device::sim_traffic().h2d_bytes - before.h2d_bytes;

  setting.for_plan = true;
  const Forecaster forecaster(std::make_unique<ToyPipeline>(setting), {});
  const Forecast forecast = forecaster.forecast(job.request, context.plan);
  REQUIRE(forecast.stages.size() == recorder.stages.size());
  constexpr std::int64_t kInputs = 3 * kChannels * 4;  // on the host; dry runs allocate none
  CHECK(forecast.h2d_bytes == moved - kInputs);
  for (std::size_t i = 2; i < forecast.stages.size(); ++i) {
    const StageForecast& stage = forecast.stages[i];
    CAPTURE(stage.name);
    CHECK(stage.steps == static_cast<std::int64_t>(recorder.steps[i].size()));
    CHECK(stage.passes == stage.steps);
    CHECK(stage.use.peak_device == recorder.peaks[i] - held);
    CHECK(stage.use.flops == static_cast<double>(stage.steps) * stage.step.flops);
    CHECK((stage.step.flops > 0) == (stage.steps > 0));
  }
  const bool first_has_most = forecast.stages[2].steps >= forecast.stages[3].steps;
  REQUIRE(forecast.step_stage());
  CHECK(forecast.step_stage()->name == (first_has_most ? "denoise" : "denoise_low_noise"));
}

/// Keeps the latents that a window makes.
struct MadeLatents final : WindowObserver {
  void finished(std::size_t item, std::any result, const std::vector<std::string>&) override {
    latents[item] = std::any_cast<graph::Latents>(std::move(result)).latents;
  }
  void failed(std::size_t, const std::exception_ptr& error) override {
    std::rethrow_exception(error);
  }
  std::map<std::size_t, at::Tensor> latents;
};

TEST_CASE("latents that wait on disk between two experts go on with the same bits", "[batch]") {
  const c10::InferenceMode inference;
  const testing::TemporaryFolder folder;
  const Setting setting{
      .scheduler = GENERATE(unipc(3), unipc(2), euler()), .second_weight = 0.25, .boundary = 500};
  std::vector<Job> jobs;
  for (const double scale : {5.0, 3.0}) jobs.push_back(job_of(7, scale));
  const ToyPipeline pipeline(setting);
  graph::Context context;
  context.plan = plan_on(c10::kCPU, memory::Residency::offloaded);
  Recorder recorder;
  context.observers = {&recorder};
  Window window(pipeline, {{jobs[0]}, {jobs[1]}}, 2, pipeline.result_slot());
  DiskSpill spill(folder.path(), {{"first", {}}, {"second", {}}}, window.last_leg(), 0);
  MadeLatents made;
  CHECK(window.run(spill, made, context) == BatchEnd::finished);
  CHECK(recorder.onloaded == std::vector<std::string>{"transformer", "vae"});
  for (std::size_t i = 0; i < 2; ++i) {
    Recorder alone;
    CHECK(at::equal(made.latents.at(i), latents_of(setting, jobs[i], alone)));
  }
}

}  // namespace
}  // namespace chitu::pipelines
