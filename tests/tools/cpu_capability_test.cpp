#include "chitu_core/common/cpu_capability.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;
using Words = std::vector<std::string>;

/// `chitu` with limits NAME=VALUE only, without those of this process.
Finished chitu_within(const Words& limits, const Words& arguments, const fs::path& folder) {
  Words all{"/usr/bin/env"};
  for (const char* name : {"CHITU_CPU_CAPABILITY", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA",
                           "MKLDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"})
    all.insert(all.end(), {"-u", name});
  all.insert(all.end(), limits.begin(), limits.end());
  all.push_back(chitu_command());
  all.insert(all.end(), arguments.begin(), arguments.end());
  return Process(all, folder).finish();
}

Words small_run(const std::string& subcommand) {
  return {subcommand,
          of_tiny_model(),
          "request.prompt=a cat",
          "request.width=32",
          "request.height=32",
          "request.num_frames=5",
          "request.num_inference_steps=1"};
}

/// The line of `chitu info` about the CPU.
std::string cpu_line(const Words& limits) {
  const TemporaryFolder folder;
  const Finished info = chitu_within(limits, {"info"}, folder.path());
  CHECK(info.exit_code == 0);
  const auto begin = info.out.find("\nCPU  ") + 1;
  return info.out.substr(begin, info.out.find('\n', begin) - begin);
}

TEST_CASE("info prints the instructions within CHITU_CPU_CAPABILITY", "[e2e]") {
  const std::string machine = "of the machine " + to_string(machine_capability());
  for (const auto& name : {"default", "avx2", "avx512"}) {
    CAPTURE(name);
    const std::string limit = std::string("CHITU_CPU_CAPABILITY=") + name;
    const TemporaryFolder folder;
    if (chitu_within({limit}, {"info"}, folder.path()).exit_code != 0) continue;  // tested below
    CHECK_THAT(cpu_line({limit}), ContainsSubstring("instructions " + std::string(name) + ","));
    CHECK_THAT(cpu_line({limit}), ContainsSubstring(machine));
  }
  CHECK_THAT(cpu_line({}), ContainsSubstring("instructions " + to_string(machine_capability())));
}

TEST_CASE("our limit has precedence over those of the libraries, which apply without it", "[e2e]") {
  for (const auto& theirs : {"ATEN_CPU_CAPABILITY=default", "ONEDNN_MAX_CPU_ISA=SSE41",
                             "DNNL_MAX_CPU_ISA=sse41", "MKLDNN_MAX_CPU_ISA=SSE41"}) {
    CAPTURE(theirs);
    const std::string line = cpu_line({theirs});
    CHECK_THAT(line, ContainsSubstring("instructions default,"));
    CHECK_THAT(line, ContainsSubstring("products of bfloat16 in float32"));
    const std::string machine = to_string(machine_capability());
    CHECK(cpu_line({theirs, "CHITU_CPU_CAPABILITY=" + machine}) == cpu_line({}));
  }
}

TEST_CASE("metrics.json reports the instructions", "[e2e]") {
  const TemporaryFolder folder;
  auto arguments = small_run("run");
  arguments.push_back("hydra.run.dir=out");
  const auto run = chitu_within({"CHITU_CPU_CAPABILITY=default"}, arguments, folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const auto metrics = nlohmann::json::parse(read_file(folder / "out" / "metrics.json"));
  const nlohmann::json expected{{"capability", "default"}, {"bfloat16_instructions", false}};
  CHECK(metrics.at("cpu") == expected);
}

TEST_CASE("a wrong CHITU_CPU_CAPABILITY gives one line, and nothing is written", "[e2e]") {
  const auto sweep = [] {
    auto words = small_run("run");
    words.insert(words.end(), {"--multirun", "request.seed=1,2"});
    return words;
  };
  for (const Words& arguments : {small_run("run"), small_run("plan"), sweep(), Words{"info"}}) {
    CAPTURE(arguments);
    const TemporaryFolder folder;
    const auto run = chitu_within({"CHITU_CPU_CAPABILITY=avx3"}, arguments, folder.path());
    CHECK(run.exit_code == 2);
    CHECK(run.out.empty());
    CHECK(run.err ==
          "error: CHITU_CPU_CAPABILITY=avx3: expected one of default, avx2, avx512, did you mean "
          "avx2?\n");
    CHECK(fs::is_empty(folder.path()));
  }
}

TEST_CASE("subcommands without libtorch ignore CHITU_CPU_CAPABILITY", "[e2e]") {
  const TemporaryFolder folder;
  for (const Words& arguments : {Words{"--version"}, Words{"config"}})
    CHECK(chitu_within({"CHITU_CPU_CAPABILITY=avx3"}, arguments, folder.path()).exit_code == 0);
}

}  // namespace
}  // namespace chitu::testing
