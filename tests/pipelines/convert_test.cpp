#include "pipelines/convert/convert.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <filesystem>
#include <string>

#include "chitu_core/common/error.h"
#include "tests/pipelines/weight_files.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

struct Converted {
  EditedModel source;
  std::filesystem::path target = source.folder / "converted";

  ConvertOptions to(c10::ScalarType dtype, const ModelFiles& files = {}) const {
    ConvertOptions options;
    options.source = source.path();
    options.files = files;
    options.target = target;
    options.dtype = dtype;
    return options;
  }
  at::Tensor decoded(const std::filesystem::path& folder, const std::string& dtype) const {
    const c10::InferenceMode inference;
    EngineOptions options = source.options();
    options.ckpt_dir = folder;
    options.dtype = dtype;
    Engine engine(options);
    Engine::RunOptions run;
    run.dump_tensors = source.folder / "dump.safetensors";
    engine.generate(engine.complete(small_request()), {}, run);
    return io::SafetensorsFile(run.dump_tensors).tensor("decoded").clone();
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(source.folder.path()))
      names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }
};

TEST_CASE("a checkpoint in bfloat16 gives the bits that the source gives in bfloat16",
          "[pipelines][convert]") {
  const Converted model;
  convert_checkpoint(model.to(at::kBFloat16));
  CHECK(at::equal(model.decoded(model.target, "bfloat16"),
                  model.decoded(model.source.path(), "bfloat16")));
  const io::Checkpoint weights(model.target / "transformer");
  CHECK(weights.info("blocks.0.attn1.to_q.weight").dtype == at::kBFloat16);
  CHECK(weights.info("blocks.0.scale_shift_table").dtype == at::kFloat);
  CHECK(io::Checkpoint(model.target / "vae").info("decoder.conv_in.weight").dtype == at::kFloat);
  for (const char* file : {"model_index.json", "tokenizer/tokenizer.json", "vae/config.json",
                           "scheduler/scheduler_config.json"})
    CHECK(std::filesystem::exists(model.target / file));
}

TEST_CASE("a checkpoint in float32 keeps every tensor, the VAE's encoder too",
          "[pipelines][convert]") {
  const Converted model;
  convert_checkpoint(model.to(at::kFloat));
  CHECK(at::equal(model.decoded(model.target, "float32"),
                  model.decoded(model.source.path(), "float32")));
  for (const char* component : {"transformer", "text_encoder", "vae"}) {
    const io::Checkpoint before(model.source.path() / component), after(model.target / component);
    CHECK(before.names().size() == after.names().size());
    for (const std::string& name : before.names())
      CHECK(at::equal(before.tensor(name).to(at::kFloat), after.tensor(name).to(at::kFloat)));
  }
}

TEST_CASE("the layers of a converted file lie one after the other", "[pipelines][convert]") {
  const Converted model;
  convert_checkpoint(model.to(at::kBFloat16));
  const io::SafetensorsFile file(model.target / "transformer" / file_of("transformer"));
  int layer = -1;
  for (const io::TensorInfo& tensor : file.tensors()) {
    const bool inside = tensor.name.starts_with("blocks.");
    const int number = inside ? std::stoi(tensor.name.substr(7)) : -1;
    CHECK(number >= layer);
    layer = number;
  }
  CHECK(layer >= 1);
}

TEST_CASE("float8 weights are written with their scales and stay float8", "[pipelines][convert]") {
  const Converted model;
  convert_checkpoint(model.to(at::kFloat8_e4m3fn));
  const io::Checkpoint weights(model.target / "transformer");
  const auto& info = weights.info("blocks.0.attn1.to_q.weight");
  REQUIRE(info.encoding);
  CHECK(info.size_bytes == info.numel());
  CHECK(weights.info("proj_out.weight").dtype == at::kBFloat16);
  const at::Tensor before =
      io::Checkpoint(model.source.path() / "transformer").tensor("blocks.0.attn1.to_q.weight");
  const at::Tensor after = weights.tensor("blocks.0.attn1.to_q.weight");
  CHECK((after - before).abs().max().item<float>() <= before.abs().max().item<float>() / 28);
  const at::Tensor expected = model.decoded(model.source.path(), "float32");
  CHECK((model.decoded(model.target, "float32") - expected).norm().item<float>() <
        0.2F * expected.norm().item<float>());
}

TEST_CASE("single files become a folder", "[pipelines][convert]") {
  const Converted model;
  widen_transformer(model.source);
  const auto gguf = model.source.folder / "transformer.gguf";
  write_gguf_weights(gguf, weights_in(model.source.path() / "transformer"),
                     original_spelling(model.source, "transformer"), 8);
  remove_weights(model.source, "transformer");
  convert_checkpoint(model.to(at::kFloat, {{"transformer", gguf}}));
  EngineOptions options = model.source.options();
  options.files = {{"transformer", gguf}};
  Engine engine(options);
  Engine::RunOptions run;
  run.dump_tensors = model.source.folder / "files.safetensors";
  engine.generate(engine.complete(small_request()), {}, run);
  CHECK(at::equal(model.decoded(model.target, "float32"),
                  io::SafetensorsFile(run.dump_tensors).tensor("decoded")));
}

TEST_CASE("a value that the new dtype cannot hold is named, and nothing is written",
          "[pipelines][convert]") {
  const Converted model;
  model.source.edit_weights("transformer/diffusion_pytorch_model.safetensors", [](auto& tensors) {
    for (auto& [name, tensor] : tensors)
      if (name == "proj_out.bias") tensor = at::full_like(tensor, 1e30, at::kFloat);
  });
  CHECK_THROWS_WITH(
      convert_checkpoint(model.to(at::kHalf)),
      ContainsSubstring("tensor \"proj_out.bias\": a value is not finite in float16"));
  CHECK(model.names() == std::vector<std::string>{"model"});
}

TEST_CASE("a folder to write may be given with a slash", "[pipelines][convert]") {
  const Converted model;
  auto options = model.to(at::kBFloat16);
  options.target /= "";
  convert_checkpoint(options);
  CHECK(std::filesystem::exists(model.target / "model_index.json"));
}

TEST_CASE("a conversion replaces nothing, and leaves nothing when it is stopped",
          "[pipelines][convert]") {
  const Converted model;
  auto options = model.to(at::kBFloat16);
  std::stop_source stop;
  options.stop = stop.get_token();
  options.begins = [&](const std::string&, std::int64_t, std::int64_t) { stop.request_stop(); };
  CHECK_THROWS_AS(convert_checkpoint(options), Interrupted);
  CHECK(model.names() == std::vector<std::string>{"model"});
  std::filesystem::create_directory(model.target);
  CHECK_THROWS_WITH(convert_checkpoint(model.to(at::kBFloat16)),
                    ContainsSubstring("converted: exists already, expected a new folder"));
  std::filesystem::remove(model.target);
  remove_weights(model.source, "vae");
  CHECK_THROWS_WITH(convert_checkpoint(model.to(at::kBFloat16)),
                    ContainsSubstring("has no weights of vae; --file vae=FILE gives them"));
  CHECK(model.names() == std::vector<std::string>{"model"});
}

}  // namespace
}  // namespace chitu::pipelines
