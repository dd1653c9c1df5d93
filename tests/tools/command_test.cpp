#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "chitu_core/common/files.h"
#include "chitu_core/io/png.h"
#include "chitu_core/io/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;

/// A generation of a fraction of a second, into the folder `run`.
std::vector<std::string> small_run(const std::vector<std::string>& more) {
  std::vector<std::string> arguments{"run",
                                     of_tiny_model(),
                                     "--prompt",
                                     "a red circle, moving right",
                                     "device=cpu",
                                     "width=32",
                                     "height=32",
                                     "num_frames=5",
                                     "num_inference_steps=2",
                                     "hydra.run.dir=run"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST_CASE("a run writes media, configuration, log and metrics", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = chitu(small_run({"output.contact_sheet=true"}), folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(run.err.empty());
  const fs::path made = folder / "run";
  CHECK(run.out ==
        (made / "video.mp4").string() + "\n" + (made / "contact_sheet.png").string() + "\n");
  for (const char* name : {"video.mp4", "contact_sheet.png", "run.log", ".hydra/config.yaml",
                           ".hydra/hydra.yaml", ".hydra/overrides.yaml"})
    CHECK(fs::file_size(made / name) > 0);
  CHECK_THAT(read_file(made / ".hydra/config.yaml"),
             ContainsSubstring("prompt: a red circle, moving right"));

  const auto metrics = nlohmann::json::parse(read_file(made / "metrics.json"));
  CHECK(metrics.at("status") == "done");
  CHECK(metrics.at("steps").size() == 2);
  CHECK(metrics.at("stages").size() == 6);
  CHECK(metrics.at("components").size() == 3);
  CHECK(metrics.at("config_sha256").get<std::string>().size() == 64);
  CHECK(metrics.at("memory").at("peak_host_bytes") > 0);
  CHECK(metrics.at("seconds").at("to_first_step") > 0);
  CHECK(metrics.at("request").at("width") == 32);

  // The table of the stages: in the log, and not on standard error, which is no terminal here.
  const std::string log = read_file(made / "run.log");
  CHECK_THAT(log, ContainsSubstring("stage") && ContainsSubstring("from disk") &&
                      ContainsSubstring("overlap"));
  CHECK(metrics.at("stages").at(3).at("disk_bytes") > 0);
  CHECK(metrics.at("stages").at(3).at("h2d_bytes") == 0);  // on a CPU
  CHECK(metrics.at("stages").at(3).at("peak_host_bytes") > 0);
  CHECK(metrics.at("stages").at(3).at("overlap").is_null());
}

TEST_CASE("metrics.json reports what was streamed", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(chitu(small_run({"infer.diffusion.low_mem_level=3"}), folder.path()).exit_code == 0);
  const auto streamed =
      nlohmann::json::parse(read_file(folder / "run/metrics.json")).at("streamed");
  const auto layers = [](const char* component) {
    const auto config = read_file(tiny_model() / component / "config.json");
    return nlohmann::json::parse(config).at("num_layers").get<int>();
  };
  // Both prompts pass a layer while it is loaded, and nothing is fetched that no pass needs.
  CHECK(streamed.at("transformer").at("layers") == 2 * layers("transformer"));
  CHECK(streamed.at("text_encoder").at("layers") == layers("text_encoder"));
  CHECK(streamed.at("transformer").at("bytes") > 0);
  CHECK(streamed.at("vae").at("layers") == 0);
}

TEST_CASE("--profile writes a trace, a picture and a table, and changes no pixel", "[e2e]") {
  const TemporaryFolder folder;
  auto arguments = small_run({"output.format=frames"});
  REQUIRE(chitu(arguments, folder.path()).exit_code == 0);
  const std::vector<std::string> names{"trace.json", "memory.svg", "operators.txt"};
  for (const std::string& name : names) CHECK_FALSE(fs::exists(folder / "run" / name));

  std::replace(arguments.begin(), arguments.end(), std::string("hydra.run.dir=run"),
               std::string("hydra.run.dir=profiled"));
  arguments.push_back("--profile");
  const auto run = chitu(arguments, folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const fs::path made = folder / "profiled";
  for (const std::string& name : names) CHECK(fs::file_size(made / name) > 0);
  CHECK_FALSE(nlohmann::json::parse(read_file(made / "trace.json")).at("traceEvents").empty());
  CHECK_THAT(read_file(made / "operators.txt"), ContainsSubstring("aten::addmm"));
  CHECK_THAT(read_file(made / ".hydra/config.yaml"), ContainsSubstring("profile: true"));
  for (int i = 0; i < 5; ++i) {
    const std::string name = fmt::format("frames/frame_{:04}.png", i);
    CHECK(read_file(made / name) == read_file(folder.path() / "run" / name));
  }
}

TEST_CASE("a failed run reports the costs of its stages so far", "[e2e]") {
  const TemporaryFolder folder;
  const auto run =
      chitu(small_run({"device=sim", "device.capacity=400KiB", "--profile"}), folder.path());
  CHECK(run.exit_code == 3);
  const auto metrics = nlohmann::json::parse(read_file(folder / "run/metrics.json"));
  CHECK(metrics.at("status") == "failed");
  CHECK(metrics.at("stages").back().at("peak_device_bytes") > 300 << 10);
  CHECK_THAT(read_file(folder / "run/run.log"), ContainsSubstring("from disk"));
  CHECK(fs::exists(folder / "run/trace.json"));
}

TEST_CASE("the default run folder is outputs/<date>/<time>", "[e2e]") {
  const TemporaryFolder folder;
  auto arguments = small_run({});
  arguments.erase(std::find(arguments.begin(), arguments.end(), "hydra.run.dir=run"));
  REQUIRE(chitu(arguments, folder.path()).exit_code == 0);
  const auto day = fs::directory_iterator(folder / "outputs")->path();
  CHECK(day.filename().string().size() == 10);
  CHECK(fs::directory_iterator(day)->path().filename().string().size() == 8);
}

TEST_CASE("the subcommand may be left out, and reruns give the same pixels", "[e2e]") {
  const TemporaryFolder folder;
  auto arguments = small_run({"output.format=frames"});
  REQUIRE(chitu(arguments, folder.path()).exit_code == 0);
  arguments.erase(arguments.begin());
  std::replace(arguments.begin(), arguments.end(), std::string("hydra.run.dir=run"),
               std::string("hydra.run.dir=again"));
  REQUIRE(chitu(arguments, folder.path()).exit_code == 0);
  for (int i = 0; i < 5; ++i) {
    const std::string name = fmt::format("frames/frame_{:04}.png", i);
    CHECK(read_file(folder.path() / "run" / name) == read_file(folder.path() / "again" / name));
  }
}

TEST_CASE("debug.dump_tensors writes the tensors of the run", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = chitu(small_run({"debug.dump_tensors=dump.safetensors"}), folder.path());
  REQUIRE(run.exit_code == 0);
  const io::SafetensorsFile dump(folder / "dump.safetensors");
  for (const char* name : {"input_ids",
                           "attention_mask",
                           "negative_input_ids",
                           "negative_attention_mask",
                           "prompt_embeds",
                           "negative_prompt_embeds",
                           "initial_noise",
                           "initial_latents",
                           "timesteps",
                           "sigmas",
                           "step_000.noise_pred_cond",
                           "step_000.noise_pred_uncond",
                           "step_000.noise_pred",
                           "step_000.latents",
                           "step_001.noise_pred",
                           "step_001.latents",
                           "final_latents",
                           "vae_input",
                           "decoded",
                           "frames"})
    CHECK(dump.contains(name));
}

TEST_CASE("an interrupted run stops within a step and says what it kept", "[e2e]") {
  const TemporaryFolder folder;
  auto arguments = small_run({"request.num_inference_steps=1000"});
  arguments.insert(arguments.begin(), chitu_command());
  Process process(arguments, folder.path());
  CHECK(begins_to_denoise(folder / "run"));
  process.send(SIGINT);
  const auto run = process.finish();
  CHECK(run.exit_code == 130);
  CHECK(run.out.empty());
  CHECK_THAT(run.err, ContainsSubstring("interrupted in stage denoise after step ") &&
                          ContainsSubstring("of 1000; kept "));
  const auto metrics = nlohmann::json::parse(read_file(folder / "run/metrics.json"));
  CHECK(metrics.at("status") == "interrupted");
  CHECK(metrics.at("steps").size() < 1000);
  CHECK_FALSE(fs::exists(folder / "run/video.mp4"));
}

TEST_CASE("the graph is printed without a prompt and without reading weights", "[e2e]") {
  const TemporaryFolder folder;
  const auto text = chitu({"graph", of_tiny_model()}, folder.path());
  INFO(text.err);
  CHECK(text.exit_code == 0);
  for (const char* stage :
       {"tokenize", "encode_text", "prepare_latents", "denoise", "decode_latents", "save"})
    CHECK_THAT(text.out, ContainsSubstring(stage));
  const auto mermaid = chitu({"graph", "--format", "mermaid", of_tiny_model()}, folder.path());
  CHECK_THAT(mermaid.out, ContainsSubstring("encode_text -->|TextEmbeddings| denoise"));
  const auto json = chitu({"graph", "--format", "json", of_tiny_model()}, folder.path());
  CHECK(nlohmann::json::parse(json.out).at("stages").size() == 6);
}

TEST_CASE("tokenize answers a list of texts with their ids", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = chitu({"tokenize", "--ckpt-dir", tiny_model().string()}, folder.path(),
                         R"(["a cat", "", "two </s> dogs"])");
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const auto rows = nlohmann::json::parse(run.out);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].at("text") == "a cat");
  CHECK(rows[1].at("ids") == nlohmann::json::array({1}));
}

TEST_CASE("info names devices, models and backends", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = chitu({"info"}, folder.path());
  CHECK(run.exit_code == 0);
  for (const char* name : {"cpu", "WanPipeline", "UniPCMultistepScheduler",
                           "FlowMatchEulerDiscreteScheduler", "torch_sdpa"})
    CHECK_THAT(run.out, ContainsSubstring(name));
}

TEST_CASE("help and version need no configuration", "[e2e]") {
  const TemporaryFolder folder;
  CHECK_THAT(chitu({"--help"}, folder.path()).out, ContainsSubstring("usage: chitu"));
  CHECK_THAT(chitu({"run", "--help"}, folder.path()).out, ContainsSubstring("--prompt"));
  CHECK_THAT(chitu({"--version"}, folder.path()).out, ContainsSubstring("chitu "));
}

}  // namespace
}  // namespace chitu::testing
