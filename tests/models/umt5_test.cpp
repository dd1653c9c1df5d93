#include <ATen/ATen.h>

#include <map>
#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/models/umt5/encoder.h"
#include "tests/models/attention_spy.h"
#include "tests/models/reference.h"
#include "tests/support/bind_meta.h"
#include "tests/support/catch.h"

namespace chitu::models {
namespace {

std::unique_ptr<UMT5EncoderModel> encoder(at::ScalarType dtype = at::kFloat) {
  return load<UMT5EncoderModel, UMT5Config>("umt5", dtype);
}

/// The rows that hold tokens; padding rows are undefined and zeroed later.
at::Tensor token_rows(const at::Tensor& hidden, const at::Tensor& mask) {
  return hidden.index({mask.to(at::kBool)});
}

TEST_CASE("umT5 encodes as in transformers, in every dtype", "[models][parity]") {
  const auto reference = models::reference("umt5");
  const at::Tensor ids = reference.tensor("input_ids"), mask = reference.tensor("attention_mask");
  const auto error = [&](const char* name, at::ScalarType dtype) {
    const at::Tensor hidden = encoder(dtype)->forward(ids, mask, nn::Attention());
    CHECK(hidden.scalar_type() == dtype);
    return relative_error(token_rows(hidden, mask),
                          token_rows(reference.tensor(std::string(name) + ".hidden"), mask));
  };
  CHECK(error("float32", at::kFloat) < 2e-6);
  // The reference rounds inside its GELU; a fused one does not.
  CHECK(error("bfloat16", at::kBFloat16) < 1e-2);
  CHECK(error("float16", at::kHalf) < 1e-3);
}

TEST_CASE("trap 4: every umT5 layer adds the position bias of its own table", "[models][parity]") {
  const auto reference = models::reference("umt5");
  const auto spy = std::make_shared<AttentionSpy>();
  encoder()->forward(reference.tensor("input_ids"), {}, watched(spy));
  REQUIRE(spy->calls.size() == 2);
  CHECK(at::equal(spy->calls[0].options.bias, reference.tensor("bias_0")));
  CHECK(at::equal(spy->calls[1].options.bias, reference.tensor("bias_1")));
  CHECK_FALSE(at::equal(reference.tensor("bias_0"), reference.tensor("bias_1")));
}

TEST_CASE("trap 5: umT5 attention is not scaled", "[models]") {
  const auto spy = std::make_shared<AttentionSpy>();
  encoder()->forward(at::full({1, 3}, 5, at::kLong), {}, watched(spy));
  CHECK(spy->calls.at(0).options.scale == 1.0);
}

TEST_CASE("trap 20: rows after the last token are zero, up to the rows asked for",
          "[models][parity]") {
  const auto reference = models::reference("umt5");
  const at::Tensor ids = reference.tensor("input_ids").narrow(0, 0, 1).narrow(1, 0, 9);
  const auto several = encoder()->prompt_embeds({ids, ids.narrow(1, 0, 4)}, 512, nn::Attention());
  const at::Tensor embeds = several[0];
  const auto alone = encoder()->prompt_embeds({ids.narrow(1, 0, 4)}, 512, nn::Attention());
  CHECK(at::equal(several[1], alone[0]));  // prompts do not influence each other
  CHECK(embeds.sizes() == at::IntArrayRef{1, 512, 24});
  CHECK(embeds.narrow(1, 9, 503).count_nonzero().item<std::int64_t>() == 0);
  // Leaving the padding out gives the same result as masking it.
  const at::Tensor wanted = reference.tensor("float32.hidden").narrow(0, 0, 1).narrow(1, 0, 9);
  CHECK(relative_error(embeds.narrow(1, 0, 9), wanted) < 2e-6);
  CHECK_THROWS_AS(encoder()->prompt_embeds({ids}, 8, nn::Attention()), ShapeError);
}

TEST_CASE("position buckets are those of transformers", "[models][parity]") {
  const auto reference = models::reference("umt5");
  const std::vector<std::pair<std::int64_t, std::int64_t>> settings{{32, 128}, {16, 20}, {24, 96}};
  for (const auto& [buckets, distance] : settings) {
    UMT5Config config;
    config.relative_attention_num_buckets = buckets;
    config.relative_attention_max_distance = distance;
    const at::Tensor table = relative_position_buckets(200, config, c10::kCPU);
    // Row 199 looks back at -199 to 0, row 0 ahead at 0 to 199.
    const at::Tensor line = at::cat({table[199], table[0].narrow(0, 1, 199)});
    INFO(buckets << " buckets to " << distance);
    CHECK(at::equal(line, reference.tensor("buckets_" + std::to_string(buckets) + "_" +
                                           std::to_string(distance))));
  }
}

TEST_CASE("both attention backends give the same encoding", "[models]") {
  const at::Tensor ids = models::reference("umt5").tensor("input_ids");
  const at::Tensor mask = models::reference("umt5").tensor("attention_mask");
  const auto model = encoder();
  const at::Tensor fused = model->forward(ids, mask, nn::Attention("torch_sdpa"));
  const at::Tensor plain = model->forward(ids, mask, nn::Attention("torch_sdpa_math"));
  CHECK(relative_error(token_rows(fused, mask), token_rows(plain, mask)) < 2e-6);
}

TEST_CASE("an observer gets the events of every layer in order", "[models]") {
  struct Log : memory::LayerObserver {
    std::vector<std::int64_t> told;
    void before_layer(std::int64_t index) override { told.push_back(index); }
    void after_layer(std::int64_t index) override { told.push_back(-index - 1); }
  } log;
  encoder()->forward(at::full({1, 3}, 5, at::kLong), {}, nn::Attention(), &log);
  CHECK(log.told == std::vector<std::int64_t>{0, -1, 1, -2});
}

TEST_CASE("ids and masks that do not fit are refused", "[models]") {
  const auto model = encoder();
  const nn::Attention attention;
  CHECK_THROWS_WITH(model->forward(at::full({1, 2}, 64, at::kLong), {}, attention),
                    "the tokenizer gives id 64, the text encoder has a vocabulary of 64");
  CHECK_THROWS_AS(model->forward(at::full({1, 2}, -1, at::kLong), {}, attention), InputError);
  CHECK_THROWS_AS(model->forward(at::ones({2}, at::kLong), {}, attention), ShapeError);
  CHECK_THROWS_AS(model->forward(at::ones({1, 2}, at::kLong), at::ones({1, 3}), attention),
                  ShapeError);
}

TEST_CASE("umT5-xxl has the published number of parameters", "[models]") {
  const auto json = nlohmann::json::parse(R"({"model_type": "umt5", "d_model": 4096, "d_kv": 64,
    "d_ff": 10240, "num_heads": 64, "num_layers": 24, "vocab_size": 256384,
    "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128,
    "layer_norm_epsilon": 1e-06, "feed_forward_proj": "gated-gelu", "dense_act_fn": "gelu_new",
    "tie_word_embeddings": false, "torch_dtype": "float32", "is_encoder_decoder": true})");
  UMT5EncoderModel model(UMT5Config::from_json(io::JsonObject("config.json", json)));
  CHECK(model.parameter_count() == 5'680'910'336);
  CHECK(model.layers()[0].second->parameter_count() == 192'948'224);
  testing::bind_meta(model, at::kBFloat16);
  CHECK(model.bound_bytes() == 11'361'820'672);
  std::size_t tensors = 0;
  model.visit_parameters([&](const std::string&, const memory::Parameter&) { ++tensors; });
  CHECK(tensors == 242);
}

TEST_CASE("umT5 keeps wo in float32 beside float16 and nothing beside bfloat16", "[models]") {
  UMT5EncoderModel model(UMT5Config{});
  const auto float32_names = [&](at::ScalarType dtype) {
    std::vector<std::string> names;
    testing::bind_meta(model, dtype);
    model.visit_parameters([&](const std::string& name, const memory::Parameter& parameter) {
      if (parameter.tensor.scalar_type() == at::kFloat) names.push_back(name);
    });
    return names;
  };
  CHECK(float32_names(at::kBFloat16).empty());
  const auto beside_half = float32_names(at::kHalf);
  CHECK(beside_half.size() == 8);
  CHECK(beside_half.front() == "encoder.block.0.layer.1.DenseReluDense.wo.weight");
}

TEST_CASE("the encoder reads encoder.embed_tokens if a checkpoint has it, else shared",
          "[models]") {
  UMT5EncoderModel model{UMT5Config{}};
  std::map<std::string, std::string> second_names;
  std::as_const(model).visit_parameters(
      [&](const std::string& name, const memory::Parameter& parameter) {
        if (!parameter.overriding_name.empty()) second_names[name] = parameter.overriding_name;
      });
  CHECK(second_names ==
        std::map<std::string, std::string>{{"shared.weight", "encoder.embed_tokens.weight"}});
  CHECK(model.unused_prefixes() == std::vector<std::string>{"decoder.", "lm_head."});
}

TEST_CASE("the pipeline's class is used, for any model_type", "[models]") {
  const auto read = [](const nlohmann::json& json) {
    return UMT5Config::from_json(io::JsonObject("text_encoder/config.json", json)).d_model;
  };
  CHECK(read({{"model_type", "t5"}, {"d_model", 8}}) == 8);
  CHECK(read({{"d_model", 8}, {"quantization_config", nullptr}}) == 8);
}

TEST_CASE("encoders of other kinds are refused by name", "[models]") {
  const auto read = [](const nlohmann::json& json) {
    UMT5Config::from_json(io::JsonObject("text_encoder/config.json", json));
  };
  // Keys of their own describe the feed-forward; feed_forward_proj is used without them.
  read({{"feed_forward_proj", "relu"}, {"dense_act_fn", "gelu_new"}, {"is_gated_act", true}});
  CHECK_THROWS_WITH(read({{"dense_act_fn", "relu"}}),
                    "text_encoder/config.json: dense_act_fn: expected gelu_new, got relu");
  CHECK_THROWS_WITH(read({{"is_gated_act", false}}),
                    "text_encoder/config.json: is_gated_act: expected true, got false");
  CHECK_THROWS_WITH(read({{"d_model", 8}, {"hidden_size", 16}}),
                    "text_encoder/config.json: hidden_size: expected what d_model says, got 16");
  CHECK_THROWS_WITH(read({{"quantization_config", {{"load_in_4bit", true}}}}),
                    "text_encoder/config.json: quantization_config: quantized weights are not "
                    "supported, expected null");
  CHECK_THROWS_WITH(read({{"feed_forward_proj", "relu"}}),
                    "text_encoder/config.json: feed_forward_proj: expected gated-gelu, got relu");
  CHECK_THROWS_WITH(read({{"num_layers", 0}}),
                    "text_encoder/config.json: num_layers: expected 1 to 1000, got 0");
}

}  // namespace
}  // namespace chitu::models
