#include <nlohmann/json.hpp>

#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "pipelines/observe/metrics.h"
#include "tests/support/catch.h"
#include "tests/support/json_schema.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

// docs/metrics.schema.json describes what metrics.json holds.

namespace chitu::testing {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

json schema() {
  return json::parse(read_file(std::string(CHITU_SOURCE_DIR) + "/docs/metrics.schema.json"));
}

/// The metrics of a run of a fraction of a second.
json metrics_after(const Words& more, int exit_code, const TemporaryFolder& folder) {
  Words words{"run",          of_tiny_model(),         "prompt=cat",       "width=32", "height=32",
              "num_frames=5", "num_inference_steps=2", "hydra.run.dir=run"};
  words.insert(words.end(), more.begin(), more.end());
  const auto run = chitu(words, folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == exit_code);
  return json::parse(read_file(folder / "run/metrics.json"));
}

TEST_CASE("metrics.json matches its schema, which describes every key", "[e2e]") {
  const auto [words, exit_code, status] = GENERATE(table<Words, int, std::string>({
      {{"output.format=frames", "output.contact_sheet=true"}, 0, "done"},
      {{"device=sim", "infer.diffusion.low_mem_level=auto", "infer.vram_limit=64MiB"}, 0, "done"},
      {{"device=sim", "device.capacity=300KiB"}, 3, "failed"},
  }));
  const TemporaryFolder folder;
  const json metrics = metrics_after(words, exit_code, folder);
  CHECK(metrics.at("status") == status);
  CHECK(metrics.at("frames").is_null() == (exit_code != 0));
  CHECK(join(schema_errors(metrics, schema()), "\n") == "");
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
