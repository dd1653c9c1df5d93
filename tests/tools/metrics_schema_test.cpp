#include <nlohmann/json.hpp>

#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "pipelines/observe/metrics.h"
#include "tests/io/full_disk.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

// docs/metrics.schema.json describes what metrics.json holds, docs/summary.schema.json the summary
// of a batch.

namespace chitu::testing {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

json json_of(const std::filesystem::path& file) { return json::parse(read_file(file)); }

json schema(const std::string& name = "metrics") {
  return json_of(std::filesystem::path(CHITU_SOURCE_DIR) / "docs" / (name + ".schema.json"));
}

void run_chitu(const Words& words, int exit_code, const TemporaryFolder& folder) {
  const auto run = chitu(words, folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == exit_code);
}

/// The metrics of a run of a fraction of a second.
json metrics_after(const Words& more, int exit_code, const TemporaryFolder& folder) {
  run_chitu(tiny_run(more), exit_code, folder);
  return json_of(folder / "run/metrics.json");
}

void check_matches(const json& metrics) {
  CHECK(join(schema_errors(metrics, schema()), "\n") == "");
}

TEST_CASE("metrics.json matches its schema, which describes every key", "[e2e]") {
  const auto [words, exit_code, status] = GENERATE(table<Words, int, std::string>({
      {{"output.format=frames", "output.contact_sheet=true"}, 0, "done"},
      {{"device=sim", "infer.diffusion.low_mem_level=auto", "infer.vram_limit=64MiB"}, 0, "done"},
      {{"device=sim", "device.capacity=300KiB"}, 3, "failed"},
      {{"debug.profile=true", "debug.dump_tensors=run/tensors.safetensors"}, 0, "done"},
      {{"output.format=[mp4,gif,frames]", "output.name={seed}-{prompt}"}, 0, "done"},
  }));
  const TemporaryFolder folder;
  const json metrics = metrics_after(words, exit_code, folder);
  CHECK(metrics.at("status") == status);
  CHECK(metrics.at("frames").is_null() == (exit_code != 0));
  check_matches(metrics);
}

TEST_CASE("metrics of a failed run match the schema, with the files of the run before", "[e2e]") {
  const TemporaryFolder folder;
  metrics_after({"output.format=gif", "device=sim"}, 0, folder);
  const json metrics = metrics_after({"device=sim", "device.capacity=300KiB"}, 3, folder);
  CHECK(metrics.at("media").empty());
  CHECK(metrics.at("earlier_media").contains("video.gif"));
  CHECK(metrics.contains("earlier_side_files"));
  check_matches(metrics);
}

TEST_CASE("metrics of every job of a sweep match the schema", "[e2e]") {
  const TemporaryFolder folder;
  run_chitu(
      tiny_run({"--multirun", "hydra.sweep.dir=sweep", "prompt=cat,dog", "output.format=gif"}), 0,
      folder);
  for (const char* job : {"sweep/0", "sweep/1"})
    check_matches(json_of(folder / job / "metrics.json"));
}

TEST_CASE("metrics of a run that kept its latents, and of their decode, match the schema",
          "[e2e]") {
  const TemporaryFolder folder;
  const Words media{"output.format=gif", "width=64", "height=64"};
  {
    const io::FullDisk full(14 * 1024);  // the latents fit, the pictures do not
    check_matches(metrics_after(media, 2, folder));
  }
  run_chitu({"decode", "run/latents.safetensors", of_tiny_model(), "output.format=gif",
             "hydra.run.dir=run"},
            0, folder);
  const json metrics = json_of(folder / "run/metrics.json");
  CHECK(metrics.at("status") == "done");
  check_matches(metrics);
}

TEST_CASE("the summary of a batch, and of merged shards, matches its schema", "[e2e]") {
  const TemporaryFolder folder;
  write_file(
      folder / "jobs.yaml",
      "defaults: {width: 32, height: 32, num_frames: 5, num_inference_steps: 2}\n"
      "jobs: [a cat, a dog, {prompt: a large hat, num_frames: 81, width: 64, height: 64}]\n");
  const auto batch = [&](const Words& more, int exit_code) {
    Words words{
        "batch",        "jobs.yaml", "device=sim", "device.capacity=2MiB", "output.format=gif",
        of_tiny_model()};
    words.insert(words.end(), more.begin(), more.end());
    run_chitu(words, exit_code, folder);
  };
  const auto check_summary = [&](const std::string& dir) {
    const json summary = json_of(folder / dir / "summary.json");
    CHECK(summary.at("totals").at("done") == 2);
    CHECK(summary.at("totals").at("failed") == 1);
    CHECK(join(schema_errors(summary, schema("summary")), "\n") == "");
  };
  batch({"batch.dir=one"}, 3);
  check_summary("one");
  batch({"batch.dir=shards", "batch.shard=2/2"}, 0);
  batch({"batch.dir=shards", "batch.shard=1/2"}, 3);
  run_chitu({"batch", "--merge", "shards"}, 1, folder);
  check_summary("shards");
}

TEST_CASE("the schema is that of the version which a run writes", "[tools]") {
  CHECK(schema().at("properties").at("schema_version").at("const") == pipelines::kMetricsVersion);
}

TEST_CASE("the schema refuses what is missing, of another type, or not described", "[tools]") {
  const json text = schema();
  const auto errors = [&](const json& document) { return join(schema_errors(document, text)); };
  CHECK_THAT(errors({{"schema_version", 2}}),
             Catch::ContainsSubstring("schema_version: expected 1") &&
                 Catch::ContainsSubstring("lacks stages"));
  CHECK_THAT(errors({{"threads", "two"}}), Catch::ContainsSubstring("threads: expected"));
  CHECK_THAT(errors({{"thread", 1}}), Catch::ContainsSubstring("thread: is not described"));
  CHECK_THAT(errors({{"config_sha256", "ab"}}), Catch::ContainsSubstring("config_sha256: expec"));
}

TEST_CASE("the digest of the frames is the same at every level, and the sums add up", "[e2e]") {
  const TemporaryFolder folder;
  const json resident = metrics_after({"device=sim"}, 0, folder);
  const json streamed = metrics_after(
      {"device=sim", "infer.diffusion.low_mem_level=3", "infer.vae_tiling=off"}, 0, folder);
  const json& frames = resident.at("frames");
  CHECK(frames.at("count") == 5);
  CHECK(frames.at("width") == 32);
  CHECK(frames.at("sha256_each").size() == 5);
  CHECK(frames == streamed.at("frames"));
  for (const char* key : {"h2d_bytes", "d2h_bytes", "disk_bytes", "loads"}) {
    std::int64_t sum = 0;
    for (const json& stage : streamed.at("stages")) sum += stage.at(key).get<std::int64_t>();
    CHECK(streamed.at("sums").at(key) == sum);
  }
  CHECK(streamed.at("sums").at("loads") == streamed.at("components").size());
  CHECK(streamed.at("sums").at("h2d_bytes") > resident.at("sums").at("h2d_bytes"));
}

}  // namespace
}  // namespace chitu::testing
