#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/io/json.h"
#include "chitu_core/models/wan/transformer.h"
#include "chitu_core/models/wan/transformer_config.h"
#include "tests/support/bind_meta.h"
#include "tests/support/catch.h"

namespace chitu::models {
namespace {

/// transformer/config.json of Wan2.1-T2V-1.3B-Diffusers, or of 14B with the changes.
nlohmann::json published(const nlohmann::json& changes = nlohmann::json::object()) {
  auto json = nlohmann::json::parse(R"({
    "_class_name": "WanTransformer3DModel", "_diffusers_version": "0.33.0.dev0",
    "added_kv_proj_dim": null, "attention_head_dim": 128, "cross_attn_norm": true, "eps": 1e-06,
    "ffn_dim": 8960, "freq_dim": 256, "image_dim": null, "in_channels": 16,
    "num_attention_heads": 12, "num_layers": 30, "out_channels": 16, "patch_size": [1, 2, 2],
    "qk_norm": "rms_norm_across_heads", "rope_max_seq_len": 1024, "text_dim": 4096})");
  json.update(changes);
  return json;
}

WanTransformer3DConfig read(const nlohmann::json& json) {
  return WanTransformer3DConfig::from_json(io::JsonObject("transformer/config.json", json));
}

std::int64_t count_tensors(const memory::Module& module) {
  std::int64_t count = 0;
  module.visit_parameters([&](const std::string&, const memory::Parameter&) { ++count; });
  return count;
}

TEST_CASE("Wan 1.3B and 14B have the published numbers of parameters", "[models]") {
  WanTransformer3DModel small(read(published()));
  CHECK(small.parameter_count() == 1'418'996'800);
  CHECK(small.layers()[29].second->parameter_count() == 46'440'704);
  CHECK(count_tensors(*small.layers()[0].second) == 27);

  WanTransformer3DModel large(
      read(published({{"num_attention_heads", 40}, {"num_layers", 40}, {"ffn_dim", 13824}})));
  CHECK(large.parameter_count() == 14'288'491'584);
  CHECK(large.layers()[0].second->parameter_count() == 351'394'304);
  testing::bind_meta(large, at::kFloat);
  CHECK(large.bound_bytes() == 57'153'966'336);
}

TEST_CASE("exactly the parameters that diffusers keeps in float32 stay float32", "[models]") {
  WanTransformer3DModel model(read(published({{"num_layers", 1}})));
  std::vector<std::string> islands;
  model.visit_parameters([&](const std::string& name, const memory::Parameter& parameter) {
    if (parameter.precision == memory::Precision::float32) islands.push_back(name);
  });
  CHECK(islands == std::vector<std::string>{
                       "scale_shift_table",
                       "condition_embedder.time_embedder.linear_1.weight",
                       "condition_embedder.time_embedder.linear_1.bias",
                       "condition_embedder.time_embedder.linear_2.weight",
                       "condition_embedder.time_embedder.linear_2.bias",
                       "blocks.0.scale_shift_table",
                       "blocks.0.norm2.weight",
                       "blocks.0.norm2.bias",
                   });
}

TEST_CASE("image-to-video transformers have the published numbers of parameters", "[models]") {
  const nlohmann::json large{
      {"num_attention_heads", 40}, {"num_layers", 40}, {"ffn_dim", 13824}, {"in_channels", 36}};
  auto json = published(large);
  CHECK(WanTransformer3DModel(read(json)).parameter_count() == 14'288'901'184);
  json.update({{"image_dim", 1280}, {"added_kv_proj_dim", 5120}});
  CHECK(WanTransformer3DModel(read(json)).parameter_count() == 16'394'878'784);
  json["pos_embed_seq_len"] = 514;
  CHECK(WanTransformer3DModel(read(json)).parameter_count() == 16'394'878'784 + 514 * 1280);
}

TEST_CASE("the keys for images go together", "[models]") {
  const auto refused = [](const nlohmann::json& changes, const std::string& message) {
    CHECK_THROWS_WITH(read(published(changes)), "transformer/config.json: " + message);
  };
  refused({{"image_dim", 1280}},
          "added_kv_proj_dim: expected 1536, num_attention_heads * attention_head_dim, since "
          "image_dim is set");
  refused({{"added_kv_proj_dim", 1536}},
          "added_kv_proj_dim: expected null, since image_dim is null");
  refused({{"pos_embed_seq_len", 514}},
          "pos_embed_seq_len: expected null, since image_dim is null");
  refused({{"in_channels", 8}}, "in_channels: expected out_channels (16) or more, got 8");
  CHECK(read(published({{"in_channels", 36}})).in_channels == 36);
}

TEST_CASE("related models of the transformer are refused by name", "[models]") {
  const auto refused = [](const nlohmann::json& changes, const std::string& message) {
    CHECK_THROWS_AS(read(published(changes)), InputError);
    CHECK_THROWS_WITH(read(published(changes)), "transformer/config.json: " + message);
  };
  refused({{"boundary_ratio", 0.875}}, "boundary_ratio: Wan 2.2 models are not supported");
  refused({{"vace_layers", {0, 5}}}, "vace_layers: VACE models are not supported");
  refused({{"quantization_config", {{"load_in_4bit", true}}}},
          "quantization_config: quantized weights are not supported, expected null");
  refused({{"qk_norm", "rms_norm"}}, "qk_norm: expected rms_norm_across_heads, got rms_norm");
}

TEST_CASE("an invalid config is refused with file and key", "[models]") {
  const auto refused = [](const nlohmann::json& changes, const std::string& message) {
    CHECK_THROWS_AS(read(published(changes)), InputError);
    CHECK_THROWS_WITH(read(published(changes)),
                      Catch::ContainsSubstring("transformer/config.json: " + message));
  };
  refused({{"num_layer", 30}}, "num_layer: unknown key, did you mean num_layers");
  refused({{"num_layers", "x"}}, "num_layers: ");
  refused({{"num_layers", 0}}, "num_layers: expected 1 to 1000, got 0");
  refused({{"num_layers", 1000000000}}, "num_layers: expected 1 to 1000");
  refused({{"attention_head_dim", 127}}, "attention_head_dim: expected an even number");
  refused({{"patch_size", {1, 2}}}, "patch_size: expected three integers");
  refused({{"patch_size", {1, 2, 0}}}, "patch_size: expected 1 to 64, got 0");
  refused({{"eps", 0.0}}, "eps: expected a number between 0 and 1");
}

TEST_CASE("metadata keys and nulls of newer files are accepted", "[models]") {
  const auto config = read(published({{"_name_or_path", "x"},
                                      {"_class_name", "WanVACETransformer3DModel"},
                                      {"pos_embed_seq_len", nullptr},
                                      {"quantization_config", nullptr},
                                      {"vace_layers", nullptr}}));
  CHECK(config.width() == 1536);
  CHECK(config.ffn_dim == 8960);
  CHECK(config.text_dim == 4096);
}

TEST_CASE("a transformer without cross_attn_norm has no norm2", "[models]") {
  WanTransformer3DModel model(read(published({{"num_layers", 1}, {"cross_attn_norm", false}})));
  CHECK(count_tensors(*model.layers()[0].second) == 25);
}

}  // namespace
}  // namespace chitu::models
