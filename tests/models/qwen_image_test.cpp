#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/models/guidance.h"
#include "chitu_core/models/qwen2_5_vl/text_model.h"
#include "chitu_core/models/qwen_image/latents.h"
#include "chitu_core/models/qwen_image/modulation.h"
#include "chitu_core/models/qwen_image/transformer.h"
#include "tests/models/attention_spy.h"
#include "tests/models/reference.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::models {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;
using nlohmann::json;

/// Written by tools/fixtures/qwen_image.py.
fs::path component(const std::string& name) {
  return fs::path(CHITU_TEST_DATA) / "qwen_image/model" / name;
}

json config_json(const std::string& name) { return io::read_json(component(name) / "config.json"); }

template <class Model, class Config>
std::unique_ptr<Model> load_from(const fs::path& folder, const json& config) {
  auto model = std::make_unique<Model>(Config::from_json(io::JsonObject("config.json", config)));
  memory::bind_weights(*model, memory::FileWeights(folder), {c10::kCPU, at::kFloat});
  return model;
}

std::unique_ptr<Qwen2_5_VLTextModel> text_model(
    const fs::path& folder = component("text_encoder")) {
  return load_from<Qwen2_5_VLTextModel, Qwen2_5_VLTextConfig>(folder, config_json("text_encoder"));
}

at::Tensor some_ids() { return at::arange(40, 60, at::kLong).unsqueeze(0); }

at::Tensor states_of(const Qwen2_5_VLTextModel& model, const at::Tensor& ids) {
  return model.forward({ids}, nn::Attention()).front();
}

TEST_CASE("the text model reads weights below model. and below model.language_model.", "[models]") {
  const io::SafetensorsFile file(component("text_encoder") / "model.safetensors");
  std::vector<std::pair<std::string, at::Tensor>> renamed;
  for (const io::TensorInfo& tensor : file.tensors()) {
    std::string name = tensor.name;
    if (name.starts_with("model.")) name.replace(0, 6, "model.language_model.");
    renamed.emplace_back(name, file.tensor(tensor.name));
  }
  renamed.emplace_back("model.visual.patch_embed.proj.weight", at::zeros({2}));
  const testing::TemporaryFolder folder;
  io::write_safetensors(folder / "model.safetensors", renamed);
  CHECK(at::equal(states_of(*text_model(folder / ""), some_ids()),
                  states_of(*text_model(), some_ids())));
}

TEST_CASE("the text model's config is nested or flat", "[models]") {
  const auto read = [](const json& config) {
    return Qwen2_5_VLTextConfig::from_json(io::JsonObject("config.json", config));
  };
  const json nested = config_json("text_encoder");
  json flat = nested.at("text_config");
  const json rope = flat.at("rope_parameters");
  flat.erase("rope_parameters");
  flat["rope_theta"] = rope.at("rope_theta");
  flat["rope_scaling"] = {{"mrope_section", rope.at("mrope_section")}, {"type", "mrope"}};
  for (const json& config : {nested, flat}) {
    const auto text = read(config);
    CHECK(text.hidden_size == 32);
    CHECK(text.num_key_value_heads == 2);
    CHECK(text.rope_theta == 1e6);
    CHECK(text.windows.size() == 2);
    CHECK(std::none_of(text.windows.begin(), text.windows.end(),
                       [](const auto& window) { return window.has_value(); }));
  }
  const auto refused = [&](const char* key, const json& value, const std::string& message) {
    json config = nested;
    config["text_config"][key] = value;
    CHECK_THROWS_WITH(read(config), ContainsSubstring(message));
  };
  refused("hidden_act", "gelu", "text_config.hidden_act: expected silu, got gelu");
  refused("num_key_value_heads", 3, "expected a divisor of num_attention_heads (4), got 3");
  refused("rope_parameters", {{"rope_type", "yarn"}}, "yarn is not supported, expected default");
  refused("rope_parameters", {{"mrope_section", {1, 1, 1}}}, "add up to 4, half of a head; got 3");
  refused("layer_types", {"full_attention"}, "expected 2 types, one per layer, got 1");
}

TEST_CASE("a token does not see those after it", "[models]") {
  const auto model = text_model();
  const at::Tensor all = states_of(*model, some_ids());
  const at::Tensor cut = states_of(*model, some_ids().narrow(1, 0, 9));
  CHECK(relative_error(all.narrow(1, 0, 9), cut) < 1e-6);
}

TEST_CASE("a sliding window hides what is further back", "[models]") {
  json config = config_json("text_encoder");
  auto& text = config["text_config"];
  text["use_sliding_window"] = true;
  text["sliding_window"] = 4;
  text["layer_types"] = {"sliding_attention", "sliding_attention"};
  const auto model =
      load_from<Qwen2_5_VLTextModel, Qwen2_5_VLTextConfig>(component("text_encoder"), config);
  at::Tensor others = some_ids().clone();
  others.narrow(1, 0, 13).fill_(
      5);  // 2 layers x 3 tokens back reach from the last token to the 14th
  CHECK(relative_error(states_of(*model, some_ids()).select(1, 19),
                       states_of(*model, others).select(1, 19)) < 1e-6);
  CHECK(relative_error(states_of(*text_model(), some_ids()).select(1, 19),
                       states_of(*text_model(), others).select(1, 19)) > 1e-3);
}

TEST_CASE("after the last block nothing is computed for the prompt", "[models]") {
  const json config = config_json("transformer");
  const auto model = load_from<QwenImageTransformer2DModel, QwenImageTransformer2DConfig>(
      component("transformer"), config);
  const auto modulation = load_from<QwenImageModulation, QwenImageTransformer2DConfig>(
      component("transformer"), config);
  const auto all = modulation->modulations({900, 500}, c10::kCPU);
  const auto context = model->prepare(3, 2, {at::randn({1, 5, 32})});
  const at::Tensor latents = at::randn({1, 6, 64});
  const auto spy = std::make_shared<AttentionSpy>();
  model->forward({{latents, context}}, {all.blocks.select(1, 0), all.head.select(0, 0)},
                 watched(spy));
  REQUIRE(spy->calls.size() == 2);
  CHECK(spy->calls[0].q.size(2) == 5 + 6);
  CHECK(spy->calls[1].q.size(2) == 6);
  CHECK(spy->calls[1].k.size(2) == 5 + 6);
}

TEST_CASE("the modulation of all timesteps is that of each", "[models]") {
  const auto modulation = load_from<QwenImageModulation, QwenImageTransformer2DConfig>(
      component("transformer"), config_json("transformer"));
  const std::vector<double> timesteps{1000, 731.5, 20};
  const auto all = modulation->modulations(timesteps, c10::kCPU);
  for (std::size_t i = 0; i < timesteps.size(); ++i) {
    const auto one = modulation->modulations({timesteps[i]}, c10::kCPU);
    const auto step = static_cast<std::int64_t>(i);
    CHECK(relative_error(all.blocks.narrow(1, step, 1), one.blocks) < 1e-6);
    CHECK(relative_error(all.head.narrow(0, step, 1), one.head) < 1e-6);
  }
}

TEST_CASE("latents are packed 2 x 2, channel by channel, and unpacked again", "[models]") {
  const at::Tensor latents = at::arange(2 * 4 * 6, at::kFloat).view({1, 2, 4, 6});
  const at::Tensor packed = pack_latents(latents);
  CHECK(packed.sizes() == at::IntArrayRef({1, 6, 8}));
  CHECK(at::equal(packed[0][1], at::tensor({2., 3., 8., 9., 26., 27., 32., 33.}, at::kFloat)));
  CHECK(at::equal(unpack_latents(packed, 4, 6).squeeze(2), latents));
}

TEST_CASE("guidance keeps the length of each token of the prompt's prediction", "[models]") {
  const at::Tensor cond = at::randn({1, 3, 8}), uncond = at::randn({1, 3, 8});
  const at::Tensor guided = rescaled_guidance(cond, uncond, 4);
  CHECK(at::allclose(guided.norm(2, -1), cond.norm(2, -1)));
  const at::Tensor plain = classifier_free_guidance(cond, uncond, 4);
  CHECK(at::allclose(guided / guided.norm(2, -1, true), plain / plain.norm(2, -1, true)));
}

TEST_CASE("configs of related models are refused by name", "[models]") {
  const auto refused = [](const char* key, const json& value, const std::string& message) {
    json config = config_json("transformer");
    config[key] = value;
    CHECK_THROWS_WITH(
        QwenImageTransformer2DConfig::from_json(io::JsonObject("transformer/config.json", config)),
        ContainsSubstring(std::string("transformer/config.json: ") + key + ": " + message));
  };
  refused("guidance_embeds", true, "guidance-distilled models are not supported, expected false");
  refused("use_layer3d_rope", true, "layered models are not supported");
  refused("axes_dims_rope", {4, 4, 4}, "expected numbers that add up to attention_head_dim (16)");
  refused("axes_dims_rope", {3, 5, 8}, "expected even numbers of 2 or more, got 3");
  refused("in_channels", 66, "expected a multiple of 4");
  refused("out_channels", 8, "expected patch_size^2 * out_channels to be in_channels (64), got 32");
  refused("num_layer", 2, "unknown key, did you mean num_layers?");
}

TEST_CASE("the autoencoder's config is that of Wan 2.1 with three input channels", "[models]") {
  json config = config_json("vae");
  const auto read = [&] {
    return qwen_image_vae_config(io::JsonObject("vae/config.json", config));
  };
  CHECK(read().base_dim == 4);
  config["input_channels"] = 4;
  CHECK_THROWS_WITH(read(), ContainsSubstring("input_channels: expected 3: red, green and blue"));
  config.erase("input_channels");
  config["is_residual"] = true;
  CHECK_THROWS_WITH(read(), ContainsSubstring("is_residual: unknown key"));
}

}  // namespace
}  // namespace chitu::models
