#include <fmt/format.h>

#include <algorithm>
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
  CHECK(profiles == 10);
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

TEST_CASE("every shipped link has all figures, and a plan accepts it", "[e2e]") {
  for (const std::string group : {"interconnect", "network"})
    for (const auto& file : fs::directory_iterator(CHITU_SOURCE_DIR "/config/device/" + group)) {
      const std::string name = file.path().stem().string();
      CAPTURE(group, name);
      const json report =
          kPlans.json({"device/profile=h100-sxm", "device/" + group + "=" + name,
                       "infer.diffusion.cp_size=4", "infer.diffusion.cp_backend=ulysses"});
      const json& links = report.at("profile").at("links");
      CHECK(links.at(group).at("bandwidth") > 1e10);
      CHECK(links.at(group).at("latency_seconds") > 1e-6);
      CHECK(links.at("ranks_per_host").is_null() == (group == "interconnect"));
      const json& step = report.at("levels")[0].at("least_time").at("step");
      CHECK((step.at("exchange_seconds") > 0) == (group == "interconnect"));  // 4 ranks on one host
    }
}

TEST_CASE("a plan of several ranks has what they send, the time of it, and the speed-up", "[e2e]") {
  const std::vector<std::string> words{
      "device/profile=rtx4090",    "device/interconnect=pcie4-x16",
      "device/network=100gbe",     "device.network.ranks_per_host=2",
      "infer.diffusion.cp_size=2", "infer.diffusion.cfg_size=2"};
  const json report = kPlans.json(words);
  CHECK(report.at("parallel") == json{{"ranks", 4},
                                      {"rank", 0},
                                      {"cp_size", 2},
                                      {"up", nullptr},
                                      {"cfg_size", 2},
                                      {"cp_backend", "auto"}});
  const json alone = kPlans.json({"device/profile=rtx4090"});
  CHECK_FALSE(alone.contains("parallel"));
  for (std::size_t i = 0; i < 4; ++i) {
    const json& time = report.at("levels")[i].at("least_time");
    const json& time_alone = alone.at("levels")[i].at("least_time");
    CHECK(report.at("levels")[i].at("step").at("sent_bytes") > 0);
    CHECK(time.at("step").at("exchange_seconds") > 0);
    CHECK(time.at("step").at("exchange_wait_seconds") <= time.at("step").at("exchange_seconds"));
    const auto ratio = [&](const json& one, const json& ranks) {
      return Catch::Approx(one.get<double>() / ranks.get<double>());
    };
    CHECK(time.at("speed_up").at("step").get<double>() ==
          ratio(time_alone.at("step").at("seconds"), time.at("step").at("seconds")));
    CHECK(time.at("speed_up").at("request").get<double>() ==
          ratio(time_alone.at("request_seconds"), time.at("request_seconds")));
    CHECK_FALSE(time_alone.contains("speed_up"));
  }
  const std::string text = kPlans.run(words).out;
  for (const char* part :
       {"a step, to other ranks", "- exchange between ranks", "- of which arithmetic waits for",
        "- speed-up over one process",
        "Figures are of rank 0 of 4 (cp_size=2, cfg_size=2, cp_backend=auto, up=null), whose share "
        "is the largest.\n",
        "Ranks exchange over PCIe 4.0 x16 within a host, and 100 Gbit Ethernet between hosts of 2 "
        "ranks.\n"})
    CHECK_THAT(text, ContainsSubstring(part));
  std::vector<std::string> csv = words;
  csv.insert(csv.end(), {"--format", "csv"});
  CHECK_THAT(
      kPlans.run(csv).out,
      ContainsSubstring(",step_sent_bytes,request_sent_bytes,") &&
          ContainsSubstring(
              ",step_exchange_seconds,step_exchange_wait_seconds,step_speed_up,request_speed_up,"));
}

TEST_CASE("without a profile of links, a plan says that exchange takes no time", "[e2e]") {
  CHECK_THAT(kPlans.run({"device/profile=rtx4090", "infer.diffusion.cp_size=2"}).out,
             ContainsSubstring(
                 "\nExchange within a host is not included: device/interconnect=NAME adds it.\n"));
}

TEST_CASE("a link that does not exist, or without rates of arithmetic, is refused", "[e2e]") {
  const auto refusal = [](const std::vector<std::string>& words) {
    const Finished run = kPlans.run(words);
    CHECK(run.exit_code == 2);
    CHECK(std::ranges::count(run.err, '\n') == 1);
    return run.err;
  };
  CHECK_THAT(refusal({"device/profile=rtx4090", "device/interconnect=nvlink9"}),
             ContainsSubstring("device/interconnect") && ContainsSubstring("nvlink4") &&
                 ContainsSubstring("pcie4-x16"));
  CHECK_THAT(refusal({"device/profile=rtx4090", "device/network=10gbe"}),
             ContainsSubstring("100gbe"));
  CHECK(refusal({"device/interconnect=pcie4-x16"}) ==
        "error: device.interconnect: without rates of arithmetic there are no times to add to; "
        "expected device/profile=NAME as well\n");
  CHECK_THAT(refusal({"device/network=100gbe"}),
             ContainsSubstring("error: device.network: without"));
  CHECK_THAT(refusal({"device/profile=rtx4090", "device/network=100gbe",
                      "device.network.ranks_per_host=0"}),
             ContainsSubstring("device.network.ranks_per_host=0: expected at least 1, got 0"));
  CHECK_THAT(refusal({"device/profile=rtx4090", "device/interconnect=pcie4-x16",
                      "device.interconnect.bandwidth=fast"}),
             ContainsSubstring("device.interconnect.bandwidth"));
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
