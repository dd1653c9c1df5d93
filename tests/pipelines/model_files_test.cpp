#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <filesystem>
#include <set>
#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "pipelines/model/model_identity.h"
#include "tests/pipelines/weight_files.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

const std::vector<std::string> kComponents{"transformer", "text_encoder", "vae"};

at::Tensor frames_of(const EngineOptions& options) {
  return dumped(options, small_request(), "decoded");
}

/// A tiny checkpoint and files beside it.
struct Files : EditedModel {
  explicit Files(const std::string& model = "wan-unipc") : EditedModel(model) {}
  std::filesystem::path at(const std::string& name) const { return folder / name; }
  WeightTensors weights(const std::string& component) const {
    return weights_in(path() / component);
  }
  /// Writes a component's weights under other names, and removes those of the checkpoint.
  ModelFiles moved(const std::vector<std::string>& components, const std::string& prefix = "") {
    ModelFiles files;
    for (const std::string& component : components) {
      WeightTensors tensors = weights(component);
      const Spelling spelled = original_spelling(*this, component);
      for (auto& [name, tensor] : tensors) name = prefix + spelled(name);
      files[component] = at(component + ".safetensors");
      io::write_safetensors(files[component], tensors);
      remove_weights(*this, component);
    }
    return files;
  }
  EngineOptions with(const ModelFiles& files, const std::string& device = "cpu",
                     int level = 0) const {
    EngineOptions options = EditedModel::options();
    options.files = files;
    options.device = device;
    options.memory.low_mem_level = level;
    return options;
  }
};

TEST_CASE("files with the original names give the bits of the checkpoint's folders",
          "[pipelines][files]") {
  Files model;
  const at::Tensor expected = frames_of(model.options());
  const ModelFiles files = model.moved(kComponents);
  CHECK(at::equal(frames_of(model.with(files)), expected));
  const auto identity = [&](const ModelFiles& given) {
    return identify_model(model.path(), kComponents, given);
  };
  CHECK(identity(files) == identity(files));
}

TEST_CASE("a prefix of ComfyUI is left out, and so are the other components of a checkpoint",
          "[pipelines][files]") {
  Files model;
  const at::Tensor expected = frames_of(model.options());
  WeightTensors all;
  for (const auto& [component, prefix] :
       {std::pair{"transformer", "model.diffusion_model."},
        std::pair{"text_encoder", "text_encoders.umt5xxl.transformer."}, std::pair{"vae", "vae."}})
    for (const auto& [name, tensor] : model.weights(component))
      all.emplace_back(prefix + original_spelling(model, component)(name), tensor);
  io::write_safetensors(model.at("all.safetensors"), all);
  for (const std::string& component : kComponents) remove_weights(model, component);
  ModelFiles files;
  for (const std::string& component : kComponents) files[component] = model.at("all.safetensors");
  CHECK(at::equal(frames_of(model.with(files)), expected));
}

TEST_CASE("the names of the VAE's weights in the original repository are all different",
          "[pipelines][files]") {
  const bool residual = GENERATE(false, true);
  const nlohmann::json config{{"num_res_blocks", 2}, {"is_residual", residual}};
  const auto spelled = wan::vae_naming(io::JsonObject("config", config)).spellings.at(0);
  CHECK(spelled("post_quant_conv.bias") == "conv2.bias");
  CHECK(spelled("quant_conv.weight") == "conv1.weight");
  CHECK(spelled("decoder.conv_in.weight") == "decoder.conv1.weight");
  CHECK(spelled("decoder.mid_block.resnets.1.conv2.weight") ==
        "decoder.middle.2.residual.6.weight");
  CHECK(spelled("encoder.mid_block.attentions.0.to_qkv.bias") == "encoder.middle.1.to_qkv.bias");
  CHECK(spelled("encoder.norm_out.gamma") == "encoder.head.0.gamma");
  CHECK(spelled("decoder.conv_out.bias") == "decoder.head.2.bias");
  if (residual) {
    CHECK(spelled("decoder.up_blocks.1.resnets.2.norm1.gamma") ==
          "decoder.upsamples.1.upsamples.2.residual.0.gamma");
    CHECK(spelled("decoder.up_blocks.0.upsampler.resample.1.weight") ==
          "decoder.upsamples.0.upsamples.3.resample.1.weight");
    CHECK(spelled("encoder.down_blocks.2.downsampler.time_conv.bias") ==
          "encoder.downsamples.2.downsamples.2.time_conv.bias");
  } else {
    CHECK(spelled("decoder.up_blocks.1.resnets.0.conv_shortcut.weight") ==
          "decoder.upsamples.4.shortcut.weight");
    CHECK(spelled("decoder.up_blocks.2.upsamplers.0.resample.1.bias") ==
          "decoder.upsamples.11.resample.1.bias");
    CHECK(spelled("decoder.up_blocks.3.resnets.2.conv2.bias") ==
          "decoder.upsamples.14.residual.6.bias");
    CHECK(spelled("encoder.down_blocks.9.norm2.gamma") == "encoder.downsamples.9.residual.3.gamma");
    CHECK(spelled("encoder.down_blocks.5.time_conv.weight") ==
          "encoder.downsamples.5.time_conv.weight");
  }
}

TEST_CASE("float8 weights with scales give what their products give, at every level",
          "[pipelines][files]") {
  Files model;
  const bool by_rows = GENERATE(false, true);
  ModelFiles files;
  for (const std::string component : {"transformer", "text_encoder"}) {
    const ScaledFile scaled(model.weights(component), original_spelling(model, component), by_rows);
    files[component] = model.at(component + "-fp8.safetensors");
    io::write_safetensors(files[component], scaled.file);
    io::write_safetensors(model.path() / component / file_of(component), scaled.meaning);
  }
  const at::Tensor expected = frames_of(model.options());
  for (const std::string component : {"transformer", "text_encoder"})
    remove_weights(model, component);
  for (const char* device : {"cpu", "sim"})
    for (int level = 0; level <= 3; ++level) {
      CAPTURE(by_rows, device, level);
      CHECK(at::equal(frames_of(model.with(files, device, level)), expected));
    }
}

TEST_CASE("GGUF weights give what their values give, at every level", "[pipelines][files]") {
  const std::uint32_t type = GENERATE(2, 6, 8, 12, 13, 14, 1, 30);
  CAPTURE(io::ggml_type(type).name);
  Files model;
  widen_transformer(model);
  const Spelling spelled = original_spelling(model, "transformer");
  const auto gguf = model.at("transformer.gguf");
  write_gguf_weights(gguf, model.weights("transformer"), spelled, type);
  WeightTensors meaning;
  const auto checkpoint = io::Checkpoint::open(gguf);
  for (const auto& [name, tensor] : model.weights("transformer"))
    meaning.emplace_back(name, checkpoint.tensor(spelled(name)).to(at::kFloat));
  io::write_safetensors(model.path() / "transformer" / file_of("transformer"), meaning);
  const at::Tensor expected = frames_of(model.options());
  remove_weights(model, "transformer");
  for (const auto& [device, level] :
       {std::pair{"cpu", 0}, std::pair{"cpu", 3}, std::pair{"sim", 0}, std::pair{"sim", 3}}) {
    CAPTURE(device, level);
    CHECK(at::equal(frames_of(model.with({{"transformer", gguf}}, device, level)), expected));
  }
}

TEST_CASE("streamed layers move as many bytes as the file has for them", "[pipelines][files]") {
  Files model;
  widen_transformer(model);
  const auto gguf = model.at("transformer.gguf");
  write_gguf_weights(gguf, model.weights("transformer"), original_spelling(model, "transformer"),
                     12);
  const auto moved = [&](const ModelFiles& files) {
    Engine engine(model.with(files, "sim", 3));
    engine.generate(engine.complete(small_request()), {.dir = model.folder.path()});
    for (const auto* component : engine.components())
      if (component->name() == "transformer") return component->traffic().bytes;
    return std::int64_t{0};
  };
  const std::int64_t plain = moved({}), small = moved({{"transformer", gguf}});
  CHECK(small < plain / 6);  // 4.5 of 32 bits
}

TEST_CASE("a text encoder comes from a GGUF file, its table too", "[pipelines][files]") {
  Files model;
  const auto spelled = wan::umt5_naming().spellings.at(1);
  CHECK(spelled("encoder.block.3.layer.1.DenseReluDense.wi_0.weight") ==
        "enc.blk.3.ffn_gate.weight");
  WeightTensors halved = model.weights("text_encoder");
  for (auto& [name, tensor] : halved)
    if (tensor.dim() == 2) tensor = tensor.to(at::kHalf).to(at::kFloat);
  io::write_safetensors(model.path() / "text_encoder/model.safetensors", halved);
  const at::Tensor expected = frames_of(model.options());
  write_gguf_weights(model.at("umt5.gguf"), halved, spelled, 1);
  remove_weights(model, "text_encoder");
  for (const int level : {0, 3})
    CHECK(at::equal(frames_of(model.with({{"text_encoder", model.at("umt5.gguf")}}, "sim", level)),
                    expected));
}

TEST_CASE("an encoded table of the text encoder decodes the rows of the prompt",
          "[pipelines][files]") {
  Files model;
  const std::string table = "shared.weight";
  WeightTensors weights = model.weights("text_encoder"), file, meaning;
  for (const auto& [name, tensor] : weights) {
    const at::Tensor values = tensor.to(at::kFloat);
    if (name != table) {
      file.emplace_back(name, values);
      meaning.emplace_back(name, values);
      continue;
    }
    const at::Tensor narrow = (values * 7).to(at::kFloat8_e4m3fn);
    file.emplace_back(name, narrow);
    file.emplace_back("shared.scale_weight", at::full({}, 0.25));
    meaning.emplace_back(name, narrow.to(at::kFloat) * 0.25);
  }
  REQUIRE(file.size() == weights.size() + 1);
  io::write_safetensors(model.path() / "text_encoder/model.safetensors", meaning);
  const at::Tensor expected = frames_of(model.options());
  io::write_safetensors(model.at("te.safetensors"), file);
  remove_weights(model, "text_encoder");
  for (const int level : {0, 3})
    for (const char* device : {"cpu", "sim"})
      CHECK(at::equal(
          frames_of(model.with({{"text_encoder", model.at("te.safetensors")}}, device, level)),
          expected));
}

void fails(const EngineOptions& options, const std::string& problem) {
  CHECK_THROWS_AS(Engine(options), InputError);
  CHECK_THROWS_WITH(Engine(options), ContainsSubstring(problem) && !ContainsSubstring("\n"));
}

TEST_CASE("files that do not fit get one line", "[pipelines][files]") {
  Files model;
  fails(model.with({{"unet", "x"}}), "model.files.unet=x: ");
  fails(model.with({{"transformer", "none.safetensors"}}),
        "model.files.transformer=none.safetensors: there is no such file");
  const ModelFiles files = model.moved({"transformer"});
  const std::filesystem::path file = files.at("transformer");
  const auto whole = [&] {
    WeightTensors tensors;
    const io::SafetensorsFile opened(file);
    for (const auto& tensor : opened.tensors())
      tensors.emplace_back(tensor.name, opened.tensor(tensor.name).clone());
    return tensors;
  }();
  const auto rewritten = [&](const std::function<void(WeightTensors&)>& change) {
    WeightTensors tensors = whole;
    change(tensors);
    io::write_safetensors(file, tensors);
    return model.with(files);
  };
  fails(rewritten([](auto& tensors) { tensors.pop_back(); }),
        "1 tensors of transformer are missing: ");
  fails(rewritten([](auto& tensors) { tensors.emplace_back("extra.weight", at::ones({2})); }),
        "1 tensors are no weights of transformer as its config describes it: \"extra.weight\"");
  fails(rewritten([](auto& tensors) {
          tensors.emplace_back("blocks.0.self_attn.q.scale_weight", at::ones({}));
        }),
        "a scale of Float weights");
  fails(rewritten([](auto& tensors) {
          for (auto& [name, tensor] : tensors) tensor = at::ones({3});
        }),
        "does not fit the config of transformer: tensor ");
  fails(rewritten([](auto& tensors) {
          for (auto& [name, tensor] : tensors) name = "double_blocks." + name;
        }),
        "not the weights of transformer: has 0 of its ");
  fails(rewritten([](auto& tensors) {
          for (std::size_t i = 1; i < tensors.size(); ++i)
            tensors[i].first = "model.diffusion_model." + tensors[i].first;
        }),
        "is not below model.diffusion_model. as others are");
  write_file(model.at("x.pth"), "PK");
  fails(model.with({{"transformer", model.at("x.pth")}}), "pickled weights are not read");
  write_file(model.at("x.gguf"), "GGUF");
  fails(model.with({{"transformer", model.at("x.gguf")}}), "x.gguf: truncated");
}

TEST_CASE("what is missing beside the files is said by its key", "[pipelines][files]") {
  Files model;
  const ModelFiles all = model.moved(kComponents);
  fails(model.with({{"transformer", all.at("transformer")}, {"vae", all.at("vae")}}),
        "model.files.text_encoder: missing, as model.ckpt_dir=");
  std::filesystem::rename(model.path() / "tokenizer", model.at("elsewhere"));
  fails(model.with(all), "model.files.tokenizer: missing, as neither model.ckpt_dir=");
  ModelFiles with_tokenizer = all;
  with_tokenizer["tokenizer"] = model.at("elsewhere") / "tokenizer.json";
  CHECK_NOTHROW(Engine(model.with(with_tokenizer)));
  with_tokenizer["tokenizer"] = all.at("vae");
  fails(model.with(with_tokenizer), "not a tokenizer, expected tokenizer.json");
}

TEST_CASE("links of the hub's cache are followed", "[pipelines][files]") {
  const EditedModel blobs;
  const at::Tensor expected = frames_of(blobs.options());
  const testing::TemporaryFolder cache;
  const auto snapshot = cache / "snapshots/0123abcd";
  std::filesystem::create_directories(cache / "blobs");
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(blobs.path())) {
    if (!entry.is_regular_file()) continue;
    const auto name = std::filesystem::relative(entry.path(), blobs.path());
    const auto blob = cache / "blobs" / std::to_string(count++);
    std::filesystem::copy_file(entry.path(), blob);
    std::filesystem::create_directories((snapshot / name).parent_path());
    std::filesystem::create_symlink(
        std::filesystem::relative(blob, (snapshot / name).parent_path()), snapshot / name);
  }
  EngineOptions options = blobs.options();
  options.ckpt_dir = snapshot;
  CHECK(at::equal(frames_of(options), expected));
  ModelFiles files{{"vae", snapshot / "vae/diffusion_pytorch_model.safetensors"}};
  options.files = files;
  CHECK(at::equal(frames_of(options), expected));
}

}  // namespace
}  // namespace chitu::pipelines
