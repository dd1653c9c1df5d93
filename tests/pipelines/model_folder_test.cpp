#include "pipelines/model/model_folder.h"

#include <algorithm>
#include <functional>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/models/schedulers/scheduler.h"
#include "pipelines/model/pipeline.h"
#include "tests/pipelines/edited_model.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;

TEST_CASE("an unusable checkpoint is refused before anything runs", "[pipelines]") {
  const EditedModel model;
  std::string expected;
  SECTION("no folder") {
    fs::remove_all(model.path());
    expected = "model.ckpt_dir=" + model.path().string() + ": no such folder";
  }
  SECTION("no model_index.json") {
    fs::remove(model.path() / "model_index.json");
    expected = "has no model_index.json";
  }
  SECTION("another pipeline") {
    model.edit("model_index.json", [](auto& json) { json["_class_name"] = "FluxPipeline"; });
    expected = "_class_name: FluxPipeline is not supported, expected one of " +
               join(Registry<PipelineFamily>::instance().names());
  }
  SECTION("another transformer") {
    model.edit("model_index.json",
               [](auto& json) { json["transformer"][1] = "WanVACETransformer3DModel"; });
    expected = "transformer: expected WanTransformer3DModel, got WanVACETransformer3DModel";
  }
  SECTION("a boundary between experts, and no second expert") {
    model.edit("model_index.json", [](auto& json) { json["boundary_ratio"] = 0.875; });
    expected =
        "model_index.json: transformer_2: expected [\"diffusers\", \"WanTransformer3DModel\"], "
        "since "
        "boundary_ratio 0.875 leaves it steps to take";
  }
  SECTION("a boundary that is no share of the timesteps") {
    model.edit("model_index.json", [](auto& json) { json["boundary_ratio"] = 875; });
    expected = "model_index.json: boundary_ratio: expected null or a number from 0 to 1";
  }
  SECTION("an image encoder") {
    model.edit("model_index.json",
               [](auto& json) { json["image_encoder"] = {"transformers", "CLIPVisionModel"}; });
    expected = "model_index.json: image_encoder: expected null in a WanPipeline";
  }
  SECTION("a component that is not there") {
    fs::remove_all(model.path() / "vae");
    expected = "vae: no such folder (model_index.json names it)";
  }
  SECTION("an unknown scheduler") {
    model.edit("model_index.json", [](auto& json) { json["scheduler"][1] = "DDIMScheduler"; });
    expected = "model_index.json: scheduler: expected one of " +
               join(Registry<models::SchedulerClass>::instance().names()) + ", got DDIMScheduler";
  }
  SECTION("a component saved as null") {
    model.edit("model_index.json", [](auto& json) { json["vae"] = {nullptr, nullptr}; });
    expected = "model_index.json: vae: null, expected AutoencoderKLWan";
  }
  SECTION("a component whose class has no library") {
    model.edit("model_index.json", [](auto& json) { json["vae"][0] = nullptr; });
    expected = "model_index.json: vae: null, expected AutoencoderKLWan";
  }
  SECTION("a component without a class") {
    model.edit("model_index.json", [](auto& json) { json["vae"][1] = nullptr; });
    expected = "model_index.json: vae: expected [library, class], got [\"diffusers\",null]";
  }
  SECTION("a class of another library") {
    model.edit("model_index.json", [](auto& json) { json["vae"][0] = "my_code"; });
    expected =
        "model_index.json: vae: expected AutoencoderKLWan from diffusers, got the one from my_code";
  }
  SECTION("another text encoder") {
    model.edit("model_index.json", [](auto& json) { json["text_encoder"][1] = "T5EncoderModel"; });
    expected = "text_encoder: expected UMT5EncoderModel, got T5EncoderModel";
  }
  SECTION("another tokenizer") {
    model.edit("model_index.json", [](auto& json) { json["tokenizer"][1] = "CLIPTokenizer"; });
    expected = "tokenizer: expected one of T5TokenizerFast, T5Tokenizer, ";
  }
  SECTION("a schedule that shifts with the size") {
    model.edit("model_index.json",
               [](auto& json) { json["scheduler"][1] = "FlowMatchEulerDiscreteScheduler"; });
    model.edit("scheduler/scheduler_config.json",
               [](auto& json) { json["use_dynamic_shifting"] = true; });
    expected = "scheduler_config.json: use_dynamic_shifting: true is not supported here";
  }
  SECTION("an unfinished download") {
    const auto file = model.path() / "model_index.json";
    fs::remove(file);
    fs::create_symlink("../../blobs/ab12", file);
    expected = file.string() + ": a link to ../../blobs/ab12, which is missing";
  }
  SECTION("a folder of the hub's cache above its snapshots") {
    fs::create_directories(model.path() / "snapshots");
    fs::create_directories(model.path() / "snapshots" / "1234");
    fs::rename(model.path() / "model_index.json",
               model.path() / "snapshots" / "1234" / "model_index.json");
    expected = "did you mean " + (model.path() / "snapshots" / "1234").string() + "?";
  }
  SECTION("pickled weights alone") {
    for (const char* part : {"text_encoder", "transformer", "vae"})
      for (const auto& entry : fs::directory_iterator(model.path() / part))
        if (entry.path().extension() == ".safetensors")
          fs::rename(entry.path(), model.path() / part / "pytorch_model.bin");
    expected = "text_encoder: has pytorch_model.bin, but no safetensors: pickled weights are not";
  }
  SECTION("weights of another shape") {
    model.edit("transformer/config.json", [](auto& json) { json["ffn_dim"] = 60; });
    expected = "tensor blocks.0.ffn.net.0.proj.weight: expected shape [60, 40], got [56, 40]";
  }
  SECTION("a file that ends too early") {
    const auto file = model.path() / "vae" / "diffusion_pytorch_model.safetensors";
    fs::resize_file(file, fs::file_size(file) - 10);
    expected = file.string();
  }
  SECTION("weights that are missing") {
    fs::remove(model.path() / "transformer" / "diffusion_pytorch_model.safetensors");
    expected = (model.path() / "transformer").string();
  }
  SECTION("components of different models") {
    model.edit("text_encoder/config.json", [](auto& json) { json["vocab_size"] = 10; });
    expected = "shared.weight";
  }
  CHECK_THROWS_AS(model.open(), InputError);
  CHECK_THROWS_WITH(model.open(), ContainsSubstring(expected));
}

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("an incomplete checkpoint is told with the files that it lacks and how to get them",
          "[pipelines]") {
  const EditedModel model;
  const std::string path = model.path().string();
  std::string missing, target = path, repository = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers";
  const std::string all =
      "model_index.json, scheduler/scheduler_config.json, text_encoder/config.json, "
      "text_encoder/model*.safetensors, tokenizer/tokenizer.json, transformer/config.json, "
      "transformer/diffusion_pytorch_model*.safetensors, vae/config.json, "
      "vae/diffusion_pytorch_model*.safetensors";
  SECTION("no folder") {
    fs::remove_all(path);
    missing = all;
  }
  SECTION("an empty folder") {
    fs::remove_all(path);
    fs::create_directories(path);
    missing = all;
  }
  SECTION("a file in its place") {
    fs::remove_all(path);
    write_file(path, "x");
    missing = all;
    target = "Wan2.1-T2V-1.3B-Diffusers";
  }
  SECTION("no model_index.json") {
    fs::remove(model.path() / "model_index.json");
    missing = "model_index.json";
  }
  SECTION("several files") {
    fs::remove_all(model.path() / "vae");
    fs::remove(model.path() / "transformer/diffusion_pytorch_model.safetensors");
    fs::remove_all(model.path() / "tokenizer");
    missing =
        "tokenizer/tokenizer.json, transformer/diffusion_pytorch_model*.safetensors, "
        "vae/config.json, vae/diffusion_pytorch_model*.safetensors";
  }
  SECTION("of a 14B model") {
    model.edit("transformer/config.json", [](auto& json) { json["num_attention_heads"] = 40; });
    fs::remove(model.path() / "scheduler/scheduler_config.json");
    missing = "scheduler/scheduler_config.json";
    repository = "Wan-AI/Wan2.1-T2V-14B-Diffusers";
  }
  SECTION("a link without its target") {
    fs::remove(model.path() / "vae/config.json");
    fs::create_symlink("../../blobs/ab12", model.path() / "vae/config.json");
    missing = "vae/config.json";
  }
  CHECK_THAT(
      error_of([&] { model.open(); }),
      Catch::EndsWith("; missing: " + missing + "; to download the checkpoint: hf download " +
                      repository + " --local-dir " + target));
}

TEST_CASE("a complete image-to-video checkpoint has no missing files", "[pipelines]") {
  const EditedModel model;
  model.edit("model_index.json", [](auto& json) {
    json["image_encoder"] = {"transformers", "CLIPVisionModel"};
    json["image_processor"] = {"transformers", "CLIPImageProcessor"};
  });
  for (const char* file : {"image_encoder/config.json", "image_encoder/model.safetensors",
                           "image_processor/preprocessor_config.json"}) {
    fs::create_directories((model.path() / file).parent_path());
    write_file(model.path() / file, "{}");
  }
  CHECK_THAT(error_of([&] { model.open(); }),
             Catch::EndsWith("image_encoder: expected null in a WanPipeline; image-to-video "
                             "checkpoints are of WanImageToVideoPipeline"));
  fs::remove(model.path() / "image_processor/preprocessor_config.json");
  CHECK_THAT(error_of([&] { model.open(); }),
             ContainsSubstring("; missing: image_processor/preprocessor_config.json; to download"));
}

TEST_CASE("shards that an index lists and the folder lacks are named", "[pipelines]") {
  const EditedModel model("wan-euler");
  for (const char* shard : {"1", "3"})
    fs::remove(model.path() / "transformer" /
               ("diffusion_pytorch_model-0000" + std::string(shard) + "-of-00003.safetensors"));
  CHECK_THAT(error_of([&] { model.open(); }),
             ContainsSubstring("; missing: "
                               "transformer/diffusion_pytorch_model-00001-of-00003.safetensors, "
                               "transformer/diffusion_pytorch_model-00003-of-00003.safetensors; "));
}

TEST_CASE("a plan needs neither weights nor tokenizer, and says what else is missing",
          "[pipelines]") {
  const EditedModel model;
  for (const char* file : {"vae/config.json", "vae/diffusion_pytorch_model.safetensors"})
    fs::remove(model.path() / file);
  fs::remove_all(model.path() / "tokenizer");
  CHECK_THAT(error_of([&] { open_pipeline(model.path(), {.for_plan = true}); }),
             ContainsSubstring("; missing: vae/config.json; to download"));
}

TEST_CASE("a damaged checkpoint that is complete is not to be downloaded for nothing missing",
          "[pipelines]") {
  const EditedModel model;
  model.edit("transformer/config.json", [](auto& json) { json["ffn_dim"] = 60; });
  CHECK_THAT(error_of([&] { model.open(); }), !ContainsSubstring("missing"));
}

TEST_CASE("the class of a scheduler is the one in model_index.json, as in diffusers",
          "[pipelines]") {
  const EditedModel model("wan-unipc"), other("wan-euler");
  // Configs saved by from_config have keys of their former class; their values do not matter.
  model.edit("model_index.json",
             [](auto& json) { json["scheduler"][1] = "FlowMatchEulerDiscreteScheduler"; });
  model.edit("scheduler/scheduler_config.json", [](auto& json) { json["shift"] = 3.0; });
  other.edit("scheduler/scheduler_config.json", [](auto& json) {
    json = {{"_class_name", "UniPCMultistepScheduler"}, {"shift", 3.0}};
  });
  CHECK(at::equal(model.run("sigmas"), other.run("sigmas")));
  CHECK_FALSE(at::equal(model.run("sigmas"), EditedModel("wan-unipc").run("sigmas")));
}

TEST_CASE("class names in the configs of components are ignored in favour of model_index.json",
          "[pipelines]") {
  const EditedModel model;
  for (const char* file : {"transformer/config.json", "vae/config.json"})
    model.edit(file, [](auto& json) { json["_class_name"] = "SomeOtherModel"; });
  model.edit("text_encoder/config.json", [](auto& json) { json["model_type"] = "t5"; });
  model.edit("model_index.json", [](auto& json) {
    json["tokenizer"][1] = "T5Tokenizer";
    json["transformer_2"] = {nullptr, nullptr};
    json["image_encoder"] = {nullptr, "CLIPVisionModel"};
  });
  CHECK(at::equal(model.run("final_latents"), EditedModel().run("final_latents")));
}

TEST_CASE("keys that diffusers replaces by its defaults are replaced here too", "[pipelines]") {
  const EditedModel model, plain;
  const auto edit = [](const EditedModel& edited, bool defaults) {
    edited.edit("scheduler/scheduler_config.json", [&](auto& json) {
      json["solver_order"] = defaults ? 3 : 2;
      if (defaults) json["_use_default_values"] = {"solver_order"};
    });
  };
  edit(model, true);
  edit(plain, false);
  CHECK(at::equal(model.run("final_latents"), plain.run("final_latents")));
}

TEST_CASE("unknown keys with value null are ignored in every config", "[pipelines]") {
  const EditedModel model;
  for (const char* file : {"transformer/config.json", "vae/config.json", "text_encoder/config.json",
                           "scheduler/scheduler_config.json"})
    model.edit(file, [](auto& json) {
      json["quantization_config"] = nullptr;
      json["key_of_tomorrow"] = nullptr;
    });
  CHECK_NOTHROW(model.open());
}

TEST_CASE("a checkpoint with variants only runs as if they had plain names", "[pipelines]") {
  const EditedModel model;
  const auto rename = [&](const std::string& file, const std::string& variant) {
    fs::rename(model.path() / (file + ".safetensors"),
               model.path() / (file + "." + variant + ".safetensors"));
  };
  rename("text_encoder/model", "fp16");
  rename("transformer/diffusion_pytorch_model", "bf16");
  rename("vae/diffusion_pytorch_model", "fp32");
  CHECK(at::equal(model.run("final_latents"), EditedModel().run("final_latents")));
}

TEST_CASE("an embedding that differs from the shared one is used", "[pipelines]") {
  const auto embeds_with =
      [](const std::function<void(EditedModel::Tensors&, at::Tensor)>& change) {
        const EditedModel model;
        model.edit_weights("text_encoder/model.safetensors", [&](EditedModel::Tensors& tensors) {
          std::erase_if(tensors,
                        [](const auto& t) { return t.first == "encoder.embed_tokens.weight"; });
          for (const auto& [name, tensor] : EditedModel::Tensors(tensors))
            if (name == "shared.weight") change(tensors, tensor);
        });
        return model.run("prompt_embeds");
      };
  const std::string second = "encoder.embed_tokens.weight";
  const auto shared = [](EditedModel::Tensors& tensors) -> auto& {
    return *std::ranges::find(tensors, "shared.weight", &EditedModel::Tensors::value_type::first);
  };
  const at::Tensor right = embeds_with([](auto&, const at::Tensor&) {});
  const at::Tensor halved = embeds_with(
      [&](auto& tensors, const at::Tensor& table) { shared(tensors).second = table / 2; });
  CHECK_FALSE(at::equal(right, halved));
  CHECK(at::equal(right, embeds_with([&](auto& tensors, const at::Tensor& table) {
                    tensors.emplace_back(second, table.clone());
                  })));
  CHECK(at::equal(halved, embeds_with([&](auto& tensors, const at::Tensor& table) {
                    tensors.emplace_back(second, table / 2);
                  })));
  CHECK(at::equal(right, embeds_with([&](auto& tensors, const at::Tensor&) {
                    shared(tensors).first = second;
                  })));
}

TEST_CASE("generation_config.json fills the empty fields of a request", "[pipelines]") {
  const EditedModel model;
  const auto write = [&](const std::string& text) {
    write_file(model.path() / "generation_config.json", text);
  };
  write(R"({"width": 64, "num_frames": 9, "guidance_scale": 3})");
  const auto folder = ModelFolder::open(model.path());
  const auto defaults = folder.request_defaults({832, 480, 81, 50, 5.0, 16});
  CHECK(defaults.width == 64);
  CHECK(defaults.height == 480);
  CHECK(defaults.num_frames == 9);
  CHECK(defaults.guidance_scale == 3.0);
  write(R"({"width": 65})");
  const c10::InferenceMode inference;
  Engine engine(model.options());
  PartialRequest partial = small_request();
  partial.width.reset();
  CHECK_THROWS_WITH(
      engine.complete(partial),
      ContainsSubstring("request.width=65: ") &&
          ContainsSubstring("the default of generation_config.json in the checkpoint"));
  write(R"({"widht": 64})");
  CHECK_THROWS_WITH(folder.request_defaults({}),
                    ContainsSubstring("widht: unknown key, did you mean width?"));
}

}  // namespace
}  // namespace chitu::pipelines
