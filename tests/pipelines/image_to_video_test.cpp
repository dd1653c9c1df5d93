#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/io/hash.h"
#include "chitu_core/io/safetensors.h"
#include "pipelines/model/request_json.h"
#include "tests/pipelines/batch_world.h"
#include "tests/pipelines/edited_model.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

constexpr const char* kFirstAndLast = "wan-first-and-last";
constexpr const char* kFirstFrame = "wan-timestep-per-token";

PartialRequest with_image() {
  PartialRequest request = small_request();
  request.image = picture("orientation_6.jpg");
  return request;
}

PartialRequest with_both() {
  PartialRequest request = with_image();
  request.last_image = picture("rgba.png");
  return request;
}

EngineOptions tiny(const std::string& model, const std::string& device = "cpu", int level = 0) {
  return options_for(fixtures() / model, device, level);
}

/// The tensors of a run, by name.
struct Dump {
  Dump(const EngineOptions& options, const PartialRequest& request) {
    const c10::InferenceMode inference;
    Engine engine(options);
    Engine::RunOptions run;
    run.dump_tensors = folder / "dump.safetensors";
    engine.generate(engine.complete(request), {}, run);
  }
  at::Tensor tensor(const std::string& name) const {
    return io::SafetensorsFile(folder / "dump.safetensors").tensor(name).clone();
  }
  testing::TemporaryFolder folder;
};

std::vector<std::string> onloads(const EngineOptions& options, const PartialRequest& request) {
  Engine engine(options);
  Onloads log;
  Engine::RunOptions run;
  run.observers = {&log};
  engine.generate(engine.complete(request), {}, run);
  return log.names;
}

TEST_CASE("image to video gives the same bits at every level, on the CPU and on a device",
          "[pipelines]") {
  const auto [model, request] =
      GENERATE(std::pair(kFirstAndLast, with_both()), std::pair(kFirstFrame, with_image()));
  const at::Tensor expected = Dump(tiny(model), request).tensor("frames");
  for (const char* device : {"cpu", "sim"})
    for (int level = 0; level < 4; ++level) {
      CAPTURE(model, device, level);
      CHECK(Dump(tiny(model, device, level), request).tensor("frames").equal(expected));
    }
}

TEST_CASE("each picture changes the video", "[pipelines]") {
  const at::Tensor both = Dump(tiny(kFirstAndLast), with_both()).tensor("final_latents");
  PartialRequest other = with_both();
  other.last_image = picture("rgb.png");
  CHECK_FALSE(Dump(tiny(kFirstAndLast), other).tensor("final_latents").equal(both));
  other = with_both();
  other.image = picture("rgb.png");
  CHECK_FALSE(Dump(tiny(kFirstAndLast), other).tensor("final_latents").equal(both));
}

TEST_CASE("the mask has four channels: of the first latent frame all, of the last the last",
          "[pipelines]") {
  const at::Tensor condition = Dump(tiny(kFirstAndLast), with_both()).tensor("condition");
  REQUIRE(condition.sizes() == at::IntArrayRef({1, 20, 2, 4, 4}));
  const at::Tensor mask = condition[0].narrow(0, 0, 4).mean({-1, -2});
  CHECK(mask.equal(at::tensor({1.F, 0.F, 1.F, 0.F, 1.F, 0.F, 1.F, 1.F}).view({4, 2})));
}

TEST_CASE("the first latent frame is the encoded picture where timesteps are per token",
          "[pipelines]") {
  const Dump dump(tiny(kFirstFrame), with_image());
  const at::Tensor condition = dump.tensor("condition");
  REQUIRE(condition.sizes() == at::IntArrayRef({1, 16, 1, 4, 4}));
  CHECK_FALSE(dump.tensor("final_latents").narrow(2, 0, 1).equal(condition));
  const Dump again(tiny(kFirstFrame, "cpu", 3), with_image());
  CHECK(again.tensor("vae_input").equal(dump.tensor("vae_input")));
}

TEST_CASE("without a picture such a checkpoint makes videos from text and loads no encoder",
          "[pipelines]") {
  const auto names = onloads(tiny(kFirstFrame), small_request());
  CHECK(names == std::vector<std::string>{"text_encoder", "transformer", "vae"});
  CHECK(Dump(tiny(kFirstFrame), small_request())
            .tensor("frames")
            .equal(Dump(tiny("wan-unipc"), small_request()).tensor("frames")));
  CHECK(onloads(tiny(kFirstFrame), with_image()) ==
        std::vector<std::string>{"text_encoder", "vae_encoder", "transformer", "vae"});
}

TEST_CASE("pictures that a checkpoint does not take, and those that it needs, are named",
          "[pipelines]") {
  const auto refusal = [](const char* model, const PartialRequest& request) {
    try {
      open_engine(model).complete(request);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK_THAT(refusal("wan-unipc", with_image()),
             ContainsSubstring("orientation_6.jpg: expected null: this checkpoint makes videos "
                               "from text alone"));
  CHECK(refusal(kFirstAndLast, small_request()) ==
        "request.image=null: expected a PNG, JPEG or WebP file: this checkpoint makes videos from "
        "an image");
  CHECK(refusal(kFirstAndLast, with_image()) ==
        "request.last_image=null: expected a PNG, JPEG or WebP file: this checkpoint makes videos "
        "from a first and a last image");
  CHECK_THAT(refusal(kFirstFrame, with_both()),
             ContainsSubstring("rgba.png: expected null: this checkpoint knows a first image "
                               "only"));
  PartialRequest last = small_request();
  last.last_image = with_both().last_image;
  CHECK_THAT(refusal("wan-unipc", last),
             ContainsSubstring("request.last_image=") && ContainsSubstring("from text alone"));
  PartialRequest one = with_both();
  one.num_frames = 1;
  CHECK(refusal(kFirstAndLast, one) ==
        "request.num_frames=1: expected 5 or more, for a first and a last image");
}

TEST_CASE("a picture that cannot be read is named before any weights are loaded", "[pipelines]") {
  const Engine engine = open_engine(kFirstFrame);
  const testing::TemporaryFolder folder;
  PartialRequest request = small_request();
  const auto refused = [&](const std::string& path, const std::string& problem) {
    request.image = path;
    CHECK_THROWS_AS(engine.complete(request), InputError);
    CHECK_THROWS_WITH(engine.complete(request), "request.image=" + path + problem);
  };
  refused((folder / "none.png").string(), ": No such file or directory");
  write_file(folder / "text.png", "text");
  refused((folder / "text.png").string(), ": is not a PNG, JPEG or WebP file");
  refused("", "'': expected a PNG, JPEG or WebP file, or null");
  write_file(folder / "cut.png", read_file(picture("rgb.png")).substr(0, 300));
  request.image = (folder / "cut.png").string();
  CHECK_THROWS_WITH(engine.complete(request), ContainsSubstring("cannot read the picture"));
}

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    return explain(error);
  }
  return "";
}

TEST_CASE("a request knows its pictures by their content", "[pipelines]") {
  Engine engine = open_engine(kFirstFrame);
  const testing::TemporaryFolder folder;
  const auto path = folder / "a.png";
  write_file(path, read_file(picture("rgb.png")));
  PartialRequest partial = small_request();
  partial.image = path.string();
  const Request request = engine.complete(partial);
  CHECK(request.image_sha256 == io::sha256(read_file(path)));
  CHECK(request_from_json(to_json(request)) == request);

  write_file(path, read_file(picture("turned.png")));
  const testing::TemporaryFolder media;
  CHECK_THAT(error_of([&] { engine.generate(request, {.dir = media.path()}); }),
             ContainsSubstring("a.png: is another picture than before: its SHA-256 is "));
  partial.image_sha256 = request.image_sha256;
  CHECK_THROWS_WITH(engine.complete(partial), ContainsSubstring("(request.image_sha256)"));
  partial.image_sha256 = "abc";
  CHECK_THROWS_WITH(engine.complete(partial),
                    "request.image_sha256=abc: expected 64 hexadecimal digits, or null");
  partial.image_sha256 = io::sha256(read_file(path));
  std::ranges::transform(*partial.image_sha256, partial.image_sha256->begin(),
                         [](unsigned char digit) { return std::toupper(digit); });
  CHECK(engine.complete(partial).image_sha256 == io::sha256(read_file(path)));
  partial.image.reset();
  CHECK_THROWS_WITH(engine.complete(partial), ContainsSubstring("since request.image is null"));
}

TEST_CASE("requests of a batch have pictures of their own, or none, and the bits they have alone",
          "[pipelines]") {
  const int level = GENERATE(0, 3);
  CAPTURE(level);
  BatchWorld world(tiny(kFirstFrame, "sim", level));
  world.options.size = 4;
  PartialRequest second = with_image();
  second.image = picture("lossless.webp");
  for (const PartialRequest& request : {with_image(), small_request(), second}) world.add(request);
  BatchLog log;
  world.run(log);
  REQUIRE(log.saved.size() == 3);
  for (std::size_t item = 0; item < 3; ++item) CHECK(world.made(item) == world.alone(item));
}

TEST_CASE("a batch with an image encoder has the bits of single runs", "[pipelines]") {
  BatchWorld world(tiny(kFirstAndLast, "cpu", 2));
  world.options.size = 4;
  PartialRequest second = with_both();
  second.image = picture("rgb.webp");
  world.add(with_both());
  world.add(second);
  BatchLog log;
  world.run(log);
  REQUIRE(log.saved.size() == 2);
  for (std::size_t item = 0; item < 2; ++item) CHECK(world.made(item) == world.alone(item));
}

TEST_CASE("the image encoder streams its layers once for requests that go together",
          "[pipelines]") {
  struct Layers final : graph::Observer {
    void layer_begin(std::string_view component, std::int64_t) override {
      ++of[std::string(component)];
    }
    std::map<std::string, int> of;
  };
  const auto layers_of = [](int requests) {
    BatchWorld world(tiny(kFirstAndLast, "sim", 3));
    world.options.size = requests;
    for (int i = 0; i < requests; ++i) world.add(with_both());
    Layers layers;
    world.options.observers = {&layers};
    BatchLog log;
    world.run(log);
    CHECK(log.saved.size() == static_cast<std::size_t>(requests));
    return layers.of.at("image_encoder");
  };
  CHECK(layers_of(1) > 0);
  CHECK(layers_of(3) == layers_of(1));
}

TEST_CASE("configs that do not fit together are named", "[pipelines]") {
  const auto refusal = [](const std::string& file, const std::string& key,
                          const nlohmann::json& value) {
    const EditedModel model(kFirstAndLast);
    model.edit(file, [&](auto& json) { json[key] = value; });
    try {
      model.open();
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK_THAT(refusal("model_index.json", "image_encoder", {nullptr, nullptr}),
             ContainsSubstring("model_index.json: image_encoder: expected [\"transformers\", "
                               "\"CLIPVisionModel\"], since image_dim of the transformer is set"));
  CHECK_THAT(refusal("model_index.json", "_class_name", "WanPipeline"),
             ContainsSubstring("image_dim: expected null in a checkpoint of WanPipeline; "));
  CHECK_THAT(refusal("image_processor/preprocessor_config.json", "crop_size", 20),
             ContainsSubstring("the height of pictures after image_processor is 20, but image_size "
                               "of image_encoder is 28"));
  CHECK_THAT(refusal("transformer/config.json", "added_kv_proj_dim", 39),
             ContainsSubstring("added_kv_proj_dim: expected 40, "));
  CHECK_THAT(refusal("vae/config.json", "attn_scales", {1.0}),
             ContainsSubstring("attn_scales: expected []"));
}

}  // namespace
}  // namespace chitu::pipelines
