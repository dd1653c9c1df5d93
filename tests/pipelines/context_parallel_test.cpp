#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <map>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/io/safetensors.h"
#include "chitu_core/parallel/attention_hook.h"
#include "pipelines/forecast/level_forecaster.h"
#include "pipelines/run_checker.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

std::map<parallel::AttentionKind, int>& calls() {
  static std::map<parallel::AttentionKind, int> calls;
  return calls;
}

/// Counts the calls, and attends to each head by itself.
struct HeadByHead final : parallel::AttentionHook {
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const parallel::AttentionOptions& options,
                 const parallel::LocalAttention& local) const override {
    ++calls()[options.kind];
    std::vector<at::Tensor> heads;
    for (std::int64_t head = 0; head < q.size(1); ++head)
      heads.push_back(
          local.run(q.narrow(1, head, 1), k.narrow(1, head, 1), v.narrow(1, head, 1), options));
    return at::cat(heads, 1);
  }
};
class HeadByHeadScheme final : public parallel::AttentionScheme {
 public:
  std::shared_ptr<const parallel::AttentionHook> make(
      const parallel::AttentionSplit&) const override {
    return std::make_shared<HeadByHead>();
  }
};
CHITU_REGISTER(parallel::AttentionScheme, HeadByHeadScheme, "head_by_head");

EngineOptions options_of(const std::string& scheme) {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = "cpu";
  options.context_parallel = scheme;
  return options;
}

at::Tensor final_latents(const std::string& scheme) {
  const c10::InferenceMode inference;
  const testing::TemporaryFolder folder;
  Engine engine(options_of(scheme));
  Engine::RunOptions run;
  run.dump_tensors = folder / "dump.safetensors";
  engine.generate(engine.complete(small_request()), {}, run);
  return io::SafetensorsFile(run.dump_tensors).tensor("final_latents").clone();
}

TEST_CASE("a scheme named in the engine's options wraps every attention call of the transformer",
          "[pipelines]") {
  calls().clear();
  const at::Tensor plain = final_latents("none");
  CHECK(calls().empty());
  const at::Tensor split = final_latents("head_by_head");
  CHECK(at::allclose(plain, split, 1e-5, 1e-6));
  // Steps, layers, and the two branches, which share the first self-attention; none of the text
  // encoder's.
  constexpr int kSteps = 2, kLayers = 2, kBranches = 2;
  CHECK(calls()[parallel::AttentionKind::cross] == kSteps * kLayers * kBranches);
  CHECK(calls()[parallel::AttentionKind::self] == kSteps * (kLayers * kBranches - 1));
}

TEST_CASE("a dry run goes through the scheme as well", "[pipelines]") {
  calls().clear();
  const LevelForecaster forecaster(options_of("head_by_head"));
  forecaster.plan(0, complete(forecaster.pipeline(), small_request()), false);
  CHECK(calls()[parallel::AttentionKind::cross] > 0);
}

TEST_CASE("an unknown scheme is refused before any weights are read", "[pipelines]") {
  const std::string refusal = "unknown context parallel scheme spiral, expected one of " +
                              join(Registry<parallel::AttentionScheme>::instance().names());
  CHECK_THROWS_AS(Engine(options_of("spiral")), InputError);
  CHECK_THROWS_WITH(Engine(options_of("spiral")), refusal);
  CHECK_THROWS_WITH(LevelForecaster(options_of("spiral")), refusal);
  CHECK_THROWS_WITH(RunChecker().check(options_of("spiral"), small_request()), refusal);
}

}  // namespace
}  // namespace chitu::pipelines
