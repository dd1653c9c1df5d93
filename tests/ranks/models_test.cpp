#include <ATen/ATen.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "chitu_core/io/safetensors.h"
#include "tests/ranks/rank_processes.h"
#include "tests/support/temporary_folder.h"

// Every model, and caches, by ranks that are processes, beside one process.

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;

const fs::path kModels = fs::path(CHITU_TEST_DATA) / "pipelines";

struct Model {
  const char* name;
  Words words;
};

const std::vector<Model>& models() {
  static const std::string picture =
      "image=" + (fs::path(CHITU_TEST_DATA) / "io/pictures/orientation_6.jpg").string();
  static const std::vector<Model> all{
      {"Wan 2.1 T2V", {"model.ckpt_dir=" + (kModels / "wan-unipc").string(), "num_frames=5"}},
      {"Wan 2.2 A14B",
       {"model.ckpt_dir=" + (kModels / "wan-two-experts").string(), "num_frames=5"}},
      {"Wan 2.2 TI2V 5B",
       {"model.ckpt_dir=" + (kModels / "wan-timestep-per-token").string(), "num_frames=5",
        picture}},
      {"Qwen-Image",
       {"model.ckpt_dir=" + (fs::path(CHITU_TEST_DATA) / "qwen_image/model").string(),
        "request.negative_prompt=a dog"}}};
  return all;
}

Words run_of(const Words& model, const std::string& folder, const Words& more) {
  Words words{"run",
              "prompt=a cat",
              "width=32",
              "height=48",
              "num_inference_steps=4",
              "device=cpu",
              "infer.dtype=float32",
              "infer.diffusion.timeout_s=20",
              "debug.dump_tensors='${hydra:runtime.output_dir}/dump.safetensors'",
              "hydra.run.dir=" + folder};
  words.insert(words.end(), model.begin(), model.end());
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

at::Tensor decoded(const fs::path& run) {
  return io::SafetensorsFile(run / "dump.safetensors").tensor("decoded").clone();
}

/// In decibels, of pictures in -1..1.
double psnr(const at::Tensor& a, const at::Tensor& b) {
  return 10 * std::log10(4 / at::sub(a, b).to(at::kDouble).square().mean().item<double>());
}

/// Two ranks near one process, and the same bits in a second run.
void check_near(const Words& model, double least_db) {
  const TemporaryFolder folder;
  const Finished alone = chitu(run_of(model, "alone", {}), folder.path());
  INFO(alone.err);
  REQUIRE(alone.exit_code == 0);
  const at::Tensor of_one = decoded(folder / "alone");
  for (const std::string degrees : {"infer.diffusion.cp_size=2", "infer.diffusion.cfg_size=2"}) {
    CAPTURE(degrees);
    for (const char* name : {"first", "second"})
      for (const Finished& rank :
           RankProcesses(2, run_of(model, name, {degrees}), folder.path()).finish()) {
        INFO(rank.err);
        REQUIRE(rank.exit_code == 0);
      }
    const at::Tensor of_two = decoded(folder / "first");
    CHECK(psnr(of_two, of_one) > least_db);
    CHECK(at::equal(of_two, decoded(folder / "second")));
    fs::remove_all(folder / "first");
    fs::remove_all(folder / "second");
  }
}

TEST_CASE("two ranks make what one process makes, of every model", "[e2e]") {
  if (skips_without_gloo()) return;
  const Model& model =
      models()[GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3})];
  CAPTURE(model.name);
  check_near(model.words, 80);
}

TEST_CASE("two ranks reuse the steps and layers that one process reuses", "[e2e]") {
  if (skips_without_gloo()) return;
  const std::string cache = GENERATE("taylorseer", "teacache", "meancache");
  CAPTURE(cache);
  Words words = models().front().words;
  words.insert(words.end(), {"request.flexcache=" + cache, "num_inference_steps=12"});
  check_near(words, 60);
}

}  // namespace
}  // namespace chitu::testing
