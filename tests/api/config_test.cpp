#include "chitu/config.h"

#include <fstream>

#include "chitu/errors.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu {
namespace {

using Catch::ContainsSubstring;

std::string message_of(const auto& work) {
  try {
    work();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_CASE("a composed configuration has the command's defaults and overrides", "[api]") {
  const Config config = compose({.overrides = {"infer.diffusion.low_mem_level=2", "seed=9"}});
  CHECK(config.get<int>("infer.diffusion.low_mem_level") == 2);
  CHECK(config.get<int>("request.seed") == 9);
  CHECK(config.get<std::string>("infer.dtype") == "auto");
  CHECK_THAT(config.to_yaml(), ContainsSubstring("max_sequence_length: 512"));
}

TEST_CASE("keys are set by type and read back", "[api]") {
  Config config = compose();
  config.set("request.seed", 7);
  config.set("seed", std::uint64_t{18446744073709551615U});
  CHECK(config.get<std::uint64_t>("seed") == 18446744073709551615U);
  config.set("request.guidance_scale", 4.5);
  CHECK(config.get<double>("guidance_scale") == 4.5);
  config.set("request.prompt", "100% \"raw\", ${not} 'an' interpolation?");
  CHECK(config.get<std::string>("prompt") == "100% \"raw\", ${not} 'an' interpolation?");
  config.set("infer.offload_vae", true);
  CHECK(config.get<bool>("infer.offload_vae"));
  config.set("infer.offload_vae", std::nullopt);
  CHECK(config.get<std::optional<bool>>("infer.offload_vae") == std::nullopt);
  config.set("infer.strategies", std::vector<std::string>{"text_encoder_offload"});
  CHECK(config.get<std::vector<std::string>>("infer.strategies") ==
        std::vector<std::string>{"text_encoder_offload"});
  config.set("request.width", 64);
  CHECK(config.get<std::optional<std::int64_t>>("request.width") == 64);
}

TEST_CASE("a key that does not exist is answered with the nearest", "[api]") {
  Config config = compose();
  CHECK_THAT(message_of([&] { config.set("request.sede", 7); }), ContainsSubstring("request.seed"));
  CHECK_THAT(message_of([&] { config.get<int>("request.sede"); }),
             ContainsSubstring("request.seed"));
  CHECK_THAT(message_of([] { compose({.overrides = {"request.sede=7"}}); }),
             ContainsSubstring("request.seed"));
}

TEST_CASE("a value that does not fit is refused with what is expected, and changes nothing",
          "[api]") {
  Config config = compose();
  CHECK_THAT(message_of([&] { config.set("request.num_inference_steps", 0); }),
             ContainsSubstring("request.num_inference_steps=0: expected 1 to 1000, got 0"));
  CHECK_THAT(message_of([&] { config.set("infer.vae_tiling", "exat"); }),
             ContainsSubstring("did you mean exact?"));
  CHECK_THAT(message_of([&] { config.set("request.seed", "x"); }),
             ContainsSubstring("expected an integer"));
  CHECK_THAT(message_of([&] { config.set("request", 3); }), ContainsSubstring("a map"));
  CHECK_THAT(message_of([&] { config.set("prompt", "a\xff"); }),
             ContainsSubstring("request.prompt: not valid UTF-8 at byte 2"));
  CHECK(config.get<int>("request.seed") == 0);
  CHECK(config.get<std::optional<int>>("request.num_inference_steps") == std::nullopt);
  CHECK_THAT(message_of([] { compose({.overrides = {"infer.diffusion.low_mem_level=9"}}); }),
             ContainsSubstring("expected one of 0, 1, 2, 3, auto"));
}

TEST_CASE("reading a value as another type is refused", "[api]") {
  const Config config = compose();
  CHECK_THAT(message_of([&] { config.get<int>("infer.dtype"); }),
             ContainsSubstring("infer.dtype: expected an integer, got \"auto\""));
  CHECK_THAT(message_of([&] { config.get<std::string>("request.seed"); }),
             ContainsSubstring("expected a string, got 0"));
  CHECK_THAT(message_of([&] { config.get<std::string>("request.prompt"); }),
             ContainsSubstring("no value yet"));
  CHECK_THAT(message_of([&] { config.get<int>("infer.offload_vae"); }),
             ContainsSubstring("expected an integer, got null"));
}

TEST_CASE("a folder of further configurations is searched beside the shipped ones", "[api]") {
  const testing::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "infer");
  std::ofstream(folder / "infer/mine.yaml") << "defaults: [default]\nvae_tile_size: 24\n";
  const Config config =
      compose({.config_dir = folder.path().string(), .overrides = {"infer=mine"}});
  CHECK(config.get<int>("infer.vae_tile_size") == 24);
  std::ofstream(folder / "infer/mine.yaml") << "defaults: [default]\nvae_tile_size: big\n";
  CHECK_THAT(message_of([&] {
               compose({.config_dir = folder.path().string(), .overrides = {"infer=mine"}});
             }),
             ContainsSubstring("mine.yaml:2: infer.vae_tile_size: expected"));
  CHECK_THAT(message_of([] { compose({.config_dir = "no/such"}); }),
             ContainsSubstring("config_dir=no/such: no such folder"));
}

TEST_CASE("copies of a configuration are independent", "[api]") {
  Config config = compose();
  Config copy = config;
  copy.set("seed", 5);
  CHECK(config.get<int>("seed") == 0);
  config = copy;
  CHECK(config.get<int>("seed") == 5);
}

}  // namespace
}  // namespace chitu
