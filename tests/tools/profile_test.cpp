#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

namespace chitu::testing {
namespace {

using Catch::ContainsSubstring;
using nlohmann::json;
namespace fs = std::filesystem;

/// Of a small request on a GPU.
const Plans kPlans({"width=64", "height=32", "num_frames=9", "device=cuda"});

TEST_CASE("every shipped profile has all figures, and a plan accepts it", "[e2e]") {
  int profiles = 0;
  for (const auto& file : fs::directory_iterator(CHITU_SOURCE_DIR "/config/device/profile")) {
    const std::string name = file.path().stem().string();
    CAPTURE(name);
    const json report = kPlans.json({"device/profile=" + name});
    const json& profile = report.at("profile");
    CHECK_THAT(profile.at("name").get<std::string>(), ContainsSubstring("NVIDIA"));
    CHECK(report.at("capacity_bytes") == profile.at("memory_bytes"));
    const json& flops = profile.at("flops");
    CHECK(flops.at("float32") <= flops.at("tfloat32"));
    CHECK(flops.at("tfloat32") < flops.at("bfloat16"));
    CHECK(flops.at("bfloat16") == flops.at("float16"));
    if (!flops.at("float8").is_null()) CHECK(flops.at("float8") > flops.at("bfloat16"));
    CHECK(profile.at("disk_bandwidth") < profile.at("link_bandwidth"));
    CHECK(profile.at("link_bandwidth") < profile.at("memory_bandwidth"));
    ++profiles;
  }
  CHECK(profiles == 9);
}

TEST_CASE("with a profile, every format has least times and the name of the profile", "[e2e]") {
  const json report = kPlans.json({"device/profile=rtx4090"});
  for (const json& level : report.at("levels")) {
    const json& time = level.at("least_time");
    CHECK(time.at("step").at("seconds") > 0);
    double sum = 0;
    for (const json& stage : time.at("stages")) sum += stage.at("seconds").get<double>();
    CHECK(time.at("request_seconds").get<double>() == Catch::Approx(sum));
    CHECK(time.at("step").at("arithmetic_seconds").get<double>() ==
          Catch::Approx(level.at("flops_per_step").get<double>() / 165.2e12));
  }
  for (const char* format : {"table", "markdown"}) {
    const std::string text = kPlans.run({"device/profile=rtx4090", "--format", format}).out;
    CHECK_THAT(text, ContainsSubstring("a step, at least"));
    CHECK_THAT(text, ContainsSubstring("the request, at least"));
    CHECK_THAT(text,
               ContainsSubstring("lower bounds") && ContainsSubstring("NVIDIA GeForce RTX 4090"));
  }
  CHECK_THAT(kPlans.run({"device/profile=rtx4090", "--format", "csv"}).out,
             ContainsSubstring(",step_least_seconds,request_least_seconds,"));
}

TEST_CASE("a plan says whose arithmetic its times leave out", "[e2e]") {
  const char* phrase = "The arithmetic of encode_text is not included: it runs on the CPU";
  for (const char* format : {"table", "markdown"}) {
    CHECK_THAT(
        kPlans.run({"device/profile=rtx4090", "infer.text_encoder_device=cpu", "--format", format})
            .out,
        ContainsSubstring(phrase));
    CHECK_THAT(kPlans.run({"device/profile=rtx4090", "--format", format}).out,
               !ContainsSubstring(phrase));
  }
  const json report = kPlans.json({"device/profile=rtx4090", "infer.text_encoder_device=cpu"});
  for (const json& stage : report.at("levels")[0].at("least_time").at("stages"))
    CHECK(stage.at("arithmetic_counted") == (stage.at("name") != "encode_text"));
}

TEST_CASE("every device accepts a capacity and an index, whether or not this machine has it",
          "[e2e]") {
  for (const char* name : {"auto", "cpu", "cuda", "sim"}) {
    CAPTURE(name);
    const Plans plans({"width=64", "height=32", "num_frames=9", std::string("device=") + name});
    const json report = plans.json({"device.capacity=8GiB", "device.index=0"});
    CHECK(report.at("capacity_bytes") == std::int64_t{8} << 30);
    CHECK(
        plans.json({"device/profile=rtx3060-12gb", "device.capacity=8GiB"}).at("capacity_bytes") ==
        std::int64_t{8} << 30);
  }
}

TEST_CASE("without a profile no times are printed", "[e2e]") {
  const json report = kPlans.json({});
  CHECK_FALSE(report.contains("profile"));
  CHECK_FALSE(report.at("levels")[0].contains("least_time"));
  CHECK_THAT(kPlans.run({}).out, !ContainsSubstring("at least"));
}

TEST_CASE("a figure of a profile can be overridden, and a wrong one is refused", "[e2e]") {
  const json report = kPlans.json({"device/profile=rtx4090", "device.profile.disk_bandwidth=1GB"});
  CHECK(report.at("profile").at("disk_bandwidth") == 1e9);
  const Finished wrong = kPlans.run({"device/profile=rtx4090", "device.profile.disk_bandwidth=-1"});
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err, ContainsSubstring("device.profile.disk_bandwidth"));
  const Finished unknown = kPlans.run({"device/profile=rtx4099"});
  CHECK(unknown.exit_code == 2);
  CHECK_THAT(unknown.err, ContainsSubstring("rtx4090"));
}

TEST_CASE("calibrate writes a profile that a plan accepts, and does not overwrite a file",
          "[e2e]") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "device/profile");
  const Finished run =
      chitu({"calibrate", "device/profile/here.yaml", "--device", "cpu"}, folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(run.out == "device/profile/here.yaml\n");
  const json report =
      kPlans.json({"--config-dir", folder.path().string(), "device/profile=here", "device=cpu"});
  CHECK(report.at("profile").at("flops").at("float32") > 0);
  CHECK(report.at("levels")[0].at("least_time").at("request_seconds") > 0);

  const Finished again = chitu({"calibrate", "device/profile/here.yaml"}, folder.path());
  CHECK(again.exit_code == 2);
  CHECK_THAT(again.err, ContainsSubstring("--force"));
  CHECK(chitu({"calibrate", "nowhere/here.yaml"}, folder.path()).exit_code == 2);
}

TEST_CASE(
    "a run with low_mem_level auto reports its prediction, and warns about a profile of another "
    "device",
    "[e2e]") {
  const TemporaryFolder folder;
  const bool other = GENERATE(false, true);
  const Finished run =
      chitu({"run", of_tiny_model(), "prompt=cat", "width=32", "height=32", "num_frames=5",
             "num_inference_steps=2", other ? "device=cpu" : "device=sim",
             "infer.diffusion.low_mem_level=auto", "device/profile=rtx4090", "hydra.run.dir=out"},
            folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const json choice = json::parse(read_file(folder / "out/metrics.json")).at("plan").at("choice");
  CHECK(choice.at("predicted_least_seconds") > 0);
  CHECK(choice.at("predicted").size() == 4);
  const std::string log = read_file(folder / "out/run.log");
  CHECK((log.find("device/profile is that of NVIDIA GeForce RTX 4090 (cuda), the run is on cpu") !=
         std::string::npos) == other);
}

}  // namespace
}  // namespace chitu::testing
