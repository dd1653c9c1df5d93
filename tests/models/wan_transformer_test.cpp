#include <ATen/ATen.h>

#include "chitu_core/common/error.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/io/safetensors.h"
#include "chitu_core/models/wan/transformer.h"
#include "tests/models/attention_spy.h"
#include "tests/models/reference.h"
#include "tests/support/catch.h"

namespace chitu::models {
namespace {

constexpr double kFloat32Tolerance = 2e-6;

std::unique_ptr<WanTransformer3DModel> transformer(at::ScalarType dtype = at::kFloat) {
  return load<WanTransformer3DModel, WanTransformer3DConfig>("wan_transformer", dtype);
}

struct Inputs {
  io::SafetensorsFile reference = models::reference("wan_transformer");
  at::Tensor latents = reference.tensor("latents");
  at::Tensor prompt = reference.tensor("prompt_embeds");
  at::Tensor negative = reference.tensor("negative_prompt_embeds");
};

/// Rotary table of diffusers: [1, L, 1, head_dim], every value twice.
at::Tensor as_complex(const at::Tensor& cos, const at::Tensor& sin) {
  return at::complex(cos.squeeze(2).squeeze(0), sin.squeeze(2).squeeze(0));
}

TEST_CASE("the Wan transformer predicts as in diffusers, in every dtype", "[models][parity]") {
  const Inputs in;
  const auto check = [&](const std::string& name, at::ScalarType dtype, double tolerance) {
    INFO(name);
    const auto model = transformer(dtype);
    auto context = model->prepare(in.latents, {in.prompt, in.negative});
    const auto whole = model->forward(in.latents, 999, context, nn::Attention());
    const auto fractional = model->forward(in.latents, 857.692, context, nn::Attention());
    CHECK(whole.at(0).scalar_type() == dtype);
    CHECK(relative_error(whole.at(0), in.reference.tensor(name + ".cond")) < tolerance);
    CHECK(relative_error(whole.at(1), in.reference.tensor(name + ".uncond")) < tolerance);
    CHECK(relative_error(fractional.at(0), in.reference.tensor(name + ".fractional")) < tolerance);
  };
  check("float32", at::kFloat, kFloat32Tolerance);
  check("bfloat16", at::kBFloat16, 1e-2);
  check("float16", at::kHalf, 1e-3);
}

TEST_CASE("half precision is no further from float32 than that of diffusers", "[models][parity]") {
  const Inputs in;
  const auto check = [&](const std::string& name, at::ScalarType dtype) {
    INFO(name);
    const auto model = transformer(dtype);
    auto context = model->prepare(in.latents, {in.prompt, in.negative});
    const auto ours = model->forward(in.latents, 999, context, nn::Attention());
    double error = 0, of_diffusers = 0;
    for (const auto& [branch, output] : {std::pair("cond", 0), std::pair("uncond", 1)}) {
      const at::Tensor exact = in.reference.tensor(std::string("float32.") + branch);
      error += relative_error(ours.at(output), exact);
      of_diffusers += relative_error(in.reference.tensor(name + "." + branch), exact);
    }
    CHECK(error < 1.1 * of_diffusers);
  };
  check("bfloat16", at::kBFloat16);
  check("float16", at::kHalf);
}

TEST_CASE("trap 1: the text projection and the feed-forward use the tanh form of GELU",
          "[models][parity]") {
  const Inputs in;
  const auto model = transformer();
  auto context = model->prepare(in.latents, {in.prompt});
  const WanTextContext& text = context.texts.at(0);
  CHECK(relative_error(repeat_last_row(text.embeds, text.rows), in.reference.tensor("context")) <
        1e-6);
  // The erf form differs by more than the tolerance above, so this check can tell them apart.
  const at::Tensor x = in.reference.tensor("prompt_embeds");
  CHECK(relative_error(at::gelu(x * 2, "none"), at::gelu(x * 2, "tanh")) > 1e-5);
}

TEST_CASE("trap 2: the zero rows of a prompt take part in cross-attention", "[models][parity]") {
  const Inputs in;
  const auto model = transformer();
  const auto spy = std::make_shared<AttentionSpy>();
  auto context = model->prepare(in.latents, {in.prompt});
  model->forward(in.latents, 999, context, watched(spy));
  REQUIRE(spy->calls.size() == 4);
  const auto& cross = spy->calls[1];
  CHECK(cross.options.kind == nn::AttentionKind::cross);
  CHECK_FALSE(cross.options.bias.defined());
  CHECK(cross.k.size(2) == 16);
  CHECK(relative_error(cross.k, in.reference.tensor("attn2.k")) < kFloat32Tolerance);
  CHECK(relative_error(cross.v, in.reference.tensor("attn2.v")) < kFloat32Tolerance);
  auto cut = model->prepare(in.latents, {in.prompt.narrow(1, 0, 5)});
  CHECK(relative_error(model->forward(in.latents, 999, cut, nn::Attention()).at(0),
                       in.reference.tensor("float32.cond")) > 0.05);
}

TEST_CASE("trap 3: queries and keys are normalised across all heads", "[models][parity]") {
  const Inputs in;
  const auto model = transformer();
  const auto spy = std::make_shared<AttentionSpy>();
  auto context = model->prepare(in.latents, {in.prompt});
  model->forward(in.latents, 999, context, watched(spy));
  // Cross-attention queries: normed, not rotated.
  const auto& cross = spy->calls.at(1);
  CHECK(relative_error(cross.q, in.reference.tensor("attn2.q")) < kFloat32Tolerance);
  const at::Tensor per_head = cross.q / cross.q.square().mean(-1, true).sqrt();
  CHECK(relative_error(per_head, in.reference.tensor("attn2.q")) > 0.01);
}

TEST_CASE("traps 6 and 7: adjacent pairs turn by frame, row and column, each with its own part",
          "[models][parity]") {
  const Inputs in;
  const auto model = transformer();
  const auto spy = std::make_shared<AttentionSpy>();
  auto context = model->prepare(in.latents, {in.prompt});
  model->forward(in.latents, 999, context, watched(spy));
  const auto& self = spy->calls.at(0);
  CHECK(self.options.kind == nn::AttentionKind::self);
  CHECK_FALSE(self.options.scale.has_value());
  CHECK(relative_error(self.q, in.reference.tensor("attn1.q")) < kFloat32Tolerance);
  CHECK(relative_error(self.k, in.reference.tensor("attn1.k")) < kFloat32Tolerance);
  CHECK(relative_error(self.v, in.reference.tensor("attn1.v")) < kFloat32Tolerance);

  using namespace at::indexing;
  const at::Tensor cos = in.reference.tensor("rope_cos").index({"...", Slice(None, None, 2)});
  const at::Tensor sin = in.reference.tensor("rope_sin").index({"...", Slice(None, None, 2)});
  CHECK(at::equal(context.rotary, as_complex(cos, sin)));
}

TEST_CASE("a published head turns 44 channels with the frame, 42 with row and column",
          "[models][parity]") {
  const WanRotaryPosEmbed rotary(128, 1024);
  CHECK(rotary.parts() == std::array<std::int64_t, 3>{44, 42, 42});
  const Inputs in;
  CHECK(at::equal(
      rotary.table({2, 2, 3}, c10::kCPU),
      as_complex(in.reference.tensor("rope128_cos"), in.reference.tensor("rope128_sin"))));
  CHECK_THROWS_WITH(rotary.table({1, 1025, 3}, c10::kCPU),
                    "the video has 1025 rows of tokens, the transformer takes at most 1024");
}

TEST_CASE("trap 17: unpatchify puts channels last in a token", "[models][parity]") {
  const Inputs in;
  const auto model = transformer();
  auto context = model->prepare(in.latents, {in.prompt});
  const at::Tensor predicted = model->forward(in.latents, 999, context, nn::Attention()).at(0);
  // Token 1 is frame 0, row 0, columns 2 and 3; its third group of four is patch row 1, column 0.
  const at::Tensor token = in.reference.tensor("proj_out")[0][1];
  const at::Tensor pixel = predicted[0].select(1, 0).select(1, 1).select(1, 2);
  CHECK(relative_error(pixel, token.narrow(0, 8, 4)) < 1e-5);
}

TEST_CASE("a prediction has the same bits alone and beside another prompt", "[models]") {
  const Inputs in;
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    const auto model = transformer(dtype);
    auto both = model->prepare(in.latents, {in.prompt, in.negative});
    const auto together = model->forward(in.latents, 500, both, nn::Attention());
    for (std::size_t i = 0; i < 2; ++i) {
      auto alone = model->prepare(in.latents, {i == 0 ? in.prompt : in.negative});
      CHECK(at::equal(model->forward(in.latents, 500, alone, nn::Attention()).at(0), together[i]));
    }
  }
}

TEST_CASE("offloading hidden states changes no bit", "[models]") {
  const Inputs in;
  const c10::Device sim = device::configure_sim({});
  auto model = transformer();
  model->visit_parameters([&](const std::string&, memory::Parameter& parameter) {
    parameter.tensor = parameter.tensor.to(sim);
  });
  const at::Tensor latents = in.latents.to(sim);
  const std::vector<WanPrompt> prompts{in.prompt.to(sim), in.negative.to(sim), in.prompt.to(sim)};
  auto context = model->prepare(latents, prompts);
  const auto here = model->forward(latents, 500, context, nn::Attention());
  const auto before = device::sim_traffic();
  const auto there =
      model->forward(latents, 500, context, nn::Attention(), {.offload_activations = true});
  CHECK(device::sim_traffic().d2h_bytes > before.d2h_bytes);
  REQUIRE(there.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(at::equal(here[i], there[i]));
}

/// What two videos of two prompts each become, alone and together, on the simulated device.
void check_videos_together(const WanForwardOptions& options, at::ScalarType dtype) {
  const Inputs in;
  const c10::Device sim = device::configure_sim({});
  auto model = transformer(dtype);
  model->visit_parameters([&](const std::string&, memory::Parameter& parameter) {
    parameter.tensor = parameter.tensor.to(sim);
  });
  const std::vector<at::Tensor> latents{in.latents.to(sim), in.latents.flip(-1).to(sim)};
  const std::vector<std::vector<WanPrompt>> prompts{{in.prompt.to(sim), in.negative.to(sim)},
                                                    {in.negative.to(sim), in.prompt.to(sim)}};
  std::vector<WanDenoiseContext> contexts;
  for (std::size_t i = 0; i < 2; ++i)
    contexts.push_back(
        model->prepare(latents[i], prompts[i], true, i == 0 ? at::Tensor() : contexts[0].rotary));
  const auto together = model->forward({{latents[0], contexts[0]}, {latents[1], contexts[1]}}, 500,
                                       nn::Attention(), options);
  REQUIRE(together.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    auto context = model->prepare(latents[i], prompts[i]);
    const auto alone = model->forward(latents[i], 500, context, nn::Attention());
    for (std::size_t k = 0; k < 2; ++k) CHECK(at::equal(alone[k], together[i][k]));
  }
}

TEST_CASE("a video has the same bits alone and beside another one, wherever states wait",
          "[models]") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16);
  check_videos_together({}, dtype);
  check_videos_together({.offload_activations = true}, dtype);
}

TEST_CASE("every layer is told once for all videos", "[models]") {
  const Inputs in;
  const auto model = transformer();
  struct Layers final : memory::LayerObserver {
    void before_layer(std::int64_t index) override { indices.push_back(index); }
    void after_layer(std::int64_t) override {}
    std::vector<std::int64_t> indices;
  } layers;
  auto a = model->prepare(in.latents, {in.prompt}), b = model->prepare(in.latents, {in.negative});
  model->forward({{in.latents, a}, {in.latents, b}}, 500, nn::Attention(), {.observer = &layers});
  CHECK(layers.indices == std::vector<std::int64_t>{0, 1});
}

TEST_CASE("videos that differ in shape or prompts do not go together", "[models]") {
  const Inputs in;
  const auto model = transformer();
  auto one = model->prepare(in.latents, {in.prompt});
  auto two = model->prepare(in.latents, {in.prompt, in.negative});
  const at::Tensor half = in.latents.narrow(3, 0, 2);
  auto small = model->prepare(half, {in.prompt});
  const nn::Attention attention;
  CHECK_THROWS_WITH(model->forward({{in.latents, one}, {in.latents, two}}, 500, attention),
                    "videos of 1 and of 2 prompts do not go together");
  CHECK_THROWS_AS(model->forward({{in.latents, one}, {half, small}}, 500, attention), ShapeError);
}

TEST_CASE("caching the prompt's keys and values changes no bit", "[models]") {
  const Inputs in;
  const auto model = transformer();
  auto kept = model->prepare(in.latents, {in.prompt}, true);
  auto fresh = model->prepare(in.latents, {in.prompt}, false);
  for (const double timestep : {999.0, 500.0, 0.0}) {
    const auto a = model->forward(in.latents, timestep, kept, nn::Attention());
    const auto b = model->forward(in.latents, timestep, fresh, nn::Attention());
    CHECK(at::equal(a.at(0), b.at(0)));
  }
  CHECK(kept.texts[0].keys_values.size() == 2);
  CHECK(fresh.texts[0].keys_values.empty());
}

TEST_CASE("a feed-forward in chunks of tokens gives the same result", "[models]") {
  const Inputs in;
  const auto model = transformer();
  auto context = model->prepare(in.latents, {in.prompt});
  const auto whole = model->forward(in.latents, 999, context, nn::Attention());
  const auto parts =
      model->forward(in.latents, 999, context, nn::Attention(), {.ffn_chunk_tokens = 7});
  CHECK(relative_error(parts.at(0), whole.at(0)) < 1e-6);
}

TEST_CASE("latents, prompts and weights are not written to", "[models]") {
  const Inputs in;
  const auto model = transformer();
  const at::Tensor latents = in.latents.clone(), prompt = in.prompt.clone();
  auto context = model->prepare(latents, {prompt});
  const auto first = model->forward(latents, 999, context, nn::Attention());
  CHECK(at::equal(latents, in.latents));
  CHECK(at::equal(prompt, in.prompt));
  CHECK(at::equal(model->forward(latents, 999, context, nn::Attention()).at(0), first.at(0)));
}

TEST_CASE("two samples in a batch get the results of each alone", "[models]") {
  const Inputs in;
  const auto model = transformer();
  const at::Tensor latents = at::cat({in.latents, in.latents.flip(2)});
  auto both = model->prepare(latents, {at::cat({in.prompt, in.negative})});
  const at::Tensor together = model->forward(latents, 400, both, nn::Attention()).at(0);
  auto second = model->prepare(in.latents, {in.negative});
  const at::Tensor alone = model->forward(in.latents.flip(2), 400, second, nn::Attention()).at(0);
  CHECK(relative_error(together.narrow(0, 1, 1), alone) < kFloat32Tolerance);
}

TEST_CASE("shapes that do not fit the transformer are refused", "[models]") {
  const Inputs in;
  const auto model = transformer();
  const nn::Attention attention;
  CHECK_THROWS_WITH(model->prepare(at::zeros({1, 4, 3, 5, 10}), {in.prompt}),
                    "the transformer takes latents [B, 4, F, H, W] in patches of [1, 2, 2], got "
                    "[1, 4, 3, 5, 10]");
  CHECK_THROWS_WITH(model->prepare(in.latents, {at::zeros({1, 16, 25})}),
                    "the transformer takes prompt_embeds [1, L, 24], got [1, 16, 25]");
  auto context = model->prepare(in.latents, {in.prompt});
  CHECK_THROWS_AS(model->forward(at::zeros({1, 4, 3, 4, 12}), 999, context, attention), ShapeError);
  auto silent = model->prepare(in.latents, {});
  CHECK_THROWS_AS(model->forward(in.latents, 999, silent, attention), ShapeError);
}

}  // namespace
}  // namespace chitu::models
