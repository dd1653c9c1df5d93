#include <ATen/ATen.h>

#include "chitu/attention.h"
#include "chitu/cache.h"
#include "chitu/family.h"
#include "chitu/scheduler.h"
#include "chitu/stage.h"
#include "chitu/strategy.h"
#include "tests/api/tiny_engine.h"
#include "tests/pipelines/edited_model.h"
#include "tests/support/catch.h"

// What a program adds by one registration each, and reaches by configuration.

namespace chitu {
namespace {

// New enumerators are added at the end only: compiled programs contain their numbers.
static_assert(static_cast<int>(VaeTiling::off) == 0 && static_cast<int>(VaeTiling::exact) == 1 &&
              static_cast<int>(VaeTiling::blend) == 2);
static_assert(static_cast<int>(Residency::resident) == 0 &&
              static_cast<int>(Residency::offloaded) == 1 &&
              static_cast<int>(Residency::streamed) == 2);
static_assert(static_cast<int>(Role::text_encoder) == 0 &&
              static_cast<int>(Role::transformer) == 1 && static_cast<int>(Role::vae) == 2);
static_assert(static_cast<int>(AttentionKind::self) == 0 &&
              static_cast<int>(AttentionKind::cross) == 1);
static_assert(static_cast<int>(OutputFormat::mp4) == 0 &&
              static_cast<int>(OutputFormat::gif) == 1 &&
              static_cast<int>(OutputFormat::png) == 2 &&
              static_cast<int>(OutputFormat::frames) == 3);
static_assert(static_cast<int>(LogLevel::debug) == 0 && static_cast<int>(LogLevel::info) == 1 &&
              static_cast<int>(LogLevel::warning) == 2 && static_cast<int>(LogLevel::error) == 3 &&
              static_cast<int>(LogLevel::off) == 4);

using Catch::ContainsSubstring;
using testing::tiny_config;

/// Uses tiles of 64 pixels.
class SmallTiles final : public Strategy {
 public:
  void edit(MemoryPlan& plan, const MemoryConfig&) const override {
    plan.vae_tiling = VaeTiling::exact;
    plan.vae_tile_latents = 8;
  }
};
CHITU_REGISTER(Strategy, SmallTiles, "test_small_tiles");

/// Euler steps along evenly spaced sigmas.
class EvenEuler final : public Scheduler {
 public:
  std::unique_ptr<Scheduler> clone() const override { return std::make_unique<EvenEuler>(*this); }
  void set_timesteps(std::int64_t steps, const ScheduleOptions&) override {
    std::vector<double> timesteps;
    std::vector<float> sigmas;
    for (std::int64_t i = 0; i < steps; ++i) {
      sigmas.push_back(1.0F - static_cast<float>(i) / static_cast<float>(steps));
      timesteps.push_back(1000.0 * sigmas.back());
    }
    sigmas.push_back(0);
    start(std::move(timesteps), std::move(sigmas));
  }

 private:
  at::Tensor take_step(const at::Tensor& velocity, std::int64_t index,
                       const at::Tensor& sample) override {
    const auto at = static_cast<std::size_t>(index);
    return sample + velocity * (sigmas()[at + 1] - sigmas()[at]);
  }
};

class EvenEulerClass final : public SchedulerClass {
 public:
  const std::vector<std::string>& known_keys() const override {
    static const std::vector<std::string> none;
    return none;
  }
  std::unique_ptr<Scheduler> make(const JsonObject&, std::optional<double>) const override {
    return std::make_unique<EvenEuler>();
  }
};
CHITU_REGISTER(SchedulerClass, EvenEulerClass, "EvenEulerScheduler");

/// Attends to nothing, so that its use shows.
class NoAttention final : public AttentionBackend {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor&, const at::Tensor& v,
                 const AttentionOptions&) const override {
    auto shape = q.sizes().vec();
    shape.back() = v.size(-1);
    return at::zeros(shape, v.options());
  }
  bool exact() const override { return false; }
  int rank() const override { return 0; }
  bool runs_on(c10::DeviceType) const override { return true; }
};
CHITU_REGISTER(AttentionBackend, NoAttention, "no_attention");

/// Computes the first step only; the others add what the layers added in it.
class FirstStep final : public Cache {
 public:
  std::vector<CacheParam> params() const override {
    return {{"test_last", CacheParam::Kind::flag, 0, 1, "compute the last step, too"}};
  }
  CachePlan plan(const CacheParamReader& params, const CacheSchedule& schedule,
                 const CacheModel& model) const override {
    auto plan = compute_all(Reuse::residual, schedule, model);
    const bool last = params.flag("test_last").value_or(false);
    for (std::size_t step = 1; step + (last ? 1 : 0) < plan.steps.size(); ++step)
      plan.steps[step].layers = {};
    return plan;
  }
};
CHITU_REGISTER(Cache, FirstStep, "first_step");

class Negative final : public Stage<Frames> {
 public:
  Frames run(const Frames& frames, const StageRequest&, StageContext&) const override {
    return {255 - frames.frames};
  }
};
CHITU_REGISTER(StageExtension, Negative, "negative");

/// Doubles the latents: seen in what decoding makes of them.
class Louder final : public Stage<Latents> {
 public:
  Latents run(const Latents& latents, const StageRequest& request,
              StageContext& context) const override {
    context.check_stop();
    if (!in_dry_run()) CHECK(request.num_frames == 5);
    return {latents.latents * 2, latents.scheduler};
  }
};
CHITU_REGISTER(StageExtension, Louder, "louder");

Video video_of(std::vector<std::string> overrides) {
  return Engine(tiny_config(std::move(overrides))).generate({.prompt = "a red circle"});
}

TEST_CASE("a strategy of the program is applied by infer.strategies", "[api]") {
  CHECK(at::equal(video_of({"infer.strategies=[test_small_tiles]"}).latents(),
                  video_of({}).latents()));
  CHECK_THROWS_WITH(video_of({"infer.strategies=[test_small_tile]"}),
                    ContainsSubstring("test_small_tiles"));
}

TEST_CASE("a scheduler of the program replaces the checkpoint's by model.scheduler", "[api]") {
  const at::Tensor own = video_of({"model.scheduler=EvenEulerScheduler"}).latents().clone();
  CHECK_FALSE(at::equal(own, video_of({}).latents()));
  CHECK(at::equal(
      own, video_of({"model.scheduler=EvenEulerScheduler", "infer.diffusion.low_mem_level=3"})
               .latents()));
  CHECK_THROWS_WITH(tiny_config({"model.scheduler=EvenEulerSchedule"}),
                    ContainsSubstring("did you mean EvenEulerScheduler?"));
  EngineOptions options = testing::tiny_options();
  options.scheduler = "Euler";
  CHECK_THROWS_WITH(Engine(options), ContainsSubstring("model.scheduler=Euler: unknown scheduler"));
}

TEST_CASE("a built-in scheduler replaces the checkpoint's too", "[api]") {
  CHECK_FALSE(at::equal(video_of({"model.scheduler=FlowMatchEulerDiscreteScheduler"}).latents(),
                        video_of({}).latents()));
}

TEST_CASE("a checkpoint whose scheduler nobody knows works with another one", "[api]") {
  const pipelines::EditedModel model;
  model.edit("model_index.json",
             [](auto& index) { index["scheduler"] = {"diffusers", "DPMSolverScheduler"}; });
  EngineOptions options{.ckpt_dir = model.path(), .device = "cpu"};
  CHECK_THROWS_WITH(Engine(options), ContainsSubstring("got DPMSolverScheduler"));
  options.scheduler = "EvenEulerScheduler";
  CHECK(Engine(options).generate(testing::tiny_request()).frame_count() == 5);
}

TEST_CASE("an attention backend of the program is chosen by infer.attn_type", "[api]") {
  CHECK_FALSE(
      at::equal(video_of({"infer.attn_type=no_attention"}).latents(), video_of({}).latents()));
}

TEST_CASE("a cache of the program is chosen by request.flexcache, with its own parameters",
          "[api]") {
  const auto latents = [](std::vector<std::string> overrides) {
    return video_of(std::move(overrides)).latents().clone();
  };
  const at::Tensor plain = latents({}), cached = latents({"request.flexcache=first_step"});
  CHECK_FALSE(at::equal(cached, plain));
  CHECK(at::equal(cached,
                  latents({"request.flexcache=first_step", "infer.diffusion.low_mem_level=3"})));
  CHECK(at::equal(plain, latents({"request.flexcache=first_step",
                                  "+request.flexcache_params.test_last=true"})));
  CHECK_THROWS_WITH(latents({"request.flexcache=first_steps"}),
                    ContainsSubstring("did you mean first_step?"));
  CHECK_THROWS_WITH(latents({"request.flexcache=pab", "+request.flexcache_params.test_last=true"}),
                    ContainsSubstring("pab has no such parameter"));
}

TEST_CASE("a stage of the program changes what a named stage makes or reads", "[api]") {
  const Video plain = video_of({});
  for (const char* place : {"after: decode_latents", "before: save"}) {
    const Video negative =
        video_of({"model.stages=[{name: negative, " + std::string(place) + "}]"});
    CHECK(at::equal(negative.tensor(), 255 - plain.tensor()));
  }
  const Video louder = video_of({"model.stages=[{name: louder, after: denoise}]"});
  CHECK(at::equal(louder.latents(), plain.latents()));  // those of the last step
  CHECK_FALSE(at::equal(louder.tensor(), plain.tensor()));
  CHECK(at::equal(video_of({"model.stages=[{name: louder, before: decode_latents}]"}).tensor(),
                  louder.tensor()));
  CHECK_FALSE(at::equal(video_of({"model.stages=[{name: louder, before: denoise}]"}).latents(),
                        plain.latents()));
}

TEST_CASE("stages of the program stand in the graph, in order, and are planned", "[api]") {
  const Engine engine(tiny_config({"infer.vram_limit=4GiB",
                                   "model.stages=[{name: louder, after: denoise}, {name: "
                                   "negative, after: decode_latents}]"}));
  std::vector<std::string> names;
  for (const StageInfo& stage : engine.pipeline().stages) names.push_back(stage.name);
  CHECK(names == std::vector<std::string>{"tokenize", "encode_text", "prepare_latents", "denoise",
                                          "louder", "decode_latents", "negative", "save"});
  CHECK(engine.pipeline().stage("decode_latents").inputs.front().from == "louder");
  CHECK(Engine(
            tiny_config({"infer.vram_limit=4GiB", "model.stages=[{name: louder, after: denoise}]"}))
            .generate({.prompt = "x"})
            .frame_count() == 5);
}

TEST_CASE("a stage without a place is refused with the places that fit", "[api]") {
  const auto opening = [](const std::string& stages) {
    return [stages] { Engine engine(tiny_config({"model.stages=" + stages})); };
  };
  CHECK_THROWS_WITH(opening("[{name: negativ, after: save}]")(),
                    ContainsSubstring("model.stages: negativ: no stage of this name") &&
                        ContainsSubstring("did you mean negative?"));
  CHECK_THROWS_WITH(opening("[{name: negative, after: decode}]")(),
                    ContainsSubstring("negative: after=decode: the pipeline has no such stage"));
  CHECK_THROWS_WITH(opening("[{name: negative, after: denoise}]")(),
                    "model.stages: negative: works on Frames, which denoise does not make; stages "
                    "that do: decode_latents");
  CHECK_THROWS_WITH(opening("[{name: negative, before: denoise}]")(),
                    ContainsSubstring("which denoise does not read; stages that do: save"));
  CHECK_THROWS_WITH(opening("[{name: negative}]")(),
                    ContainsSubstring("expected either after or before"));
  CHECK_THROWS_WITH(opening("[{name: negative, after: decode_latents}, {name: negative, before: "
                            "save}]")(),
                    ContainsSubstring("listed twice"));
}

/// Opens the checkpoints of Wan under another class name.
class OtherFamily final : public PipelineFamily {
 public:
  std::vector<ComponentRole> components(const ModelFolder& folder) const override {
    return wan().components(folder);
  }
  std::unique_ptr<Pipeline> open(const ModelFolder& folder,
                                 const ModelChoices& choices) const override {
    return wan().open(folder, choices);
  }

 private:
  static const PipelineFamily& wan() {
    return Registry<PipelineFamily>::instance().at("WanPipeline", "family");
  }
};
CHITU_REGISTER(PipelineFamily, OtherFamily, "OtherPipeline");

TEST_CASE("a family of the program opens the checkpoints that name it", "[api]") {
  const pipelines::EditedModel model;
  model.edit("model_index.json", [](auto& index) { index["_class_name"] = "OtherPipeline"; });
  Engine engine(EngineOptions{.ckpt_dir = model.path(), .device = "cpu"});
  CHECK(at::equal(engine.generate(testing::tiny_request()).tensor(), video_of({}).tensor()));
}

}  // namespace
}  // namespace chitu
