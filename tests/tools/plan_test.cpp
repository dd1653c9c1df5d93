#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

namespace chitu::testing {
namespace {

using Catch::ContainsSubstring;
using nlohmann::json;

/// Of a small request on the simulated device.
const Plans kPlans({"width=64", "height=32", "device=sim", "num_frames=9",
                    "num_inference_steps=3"});

TEST_CASE("a plan for the simulated device equals a run there, to the byte", "[e2e]") {
  const std::string prompt = "prompt=a red circle";
  const auto levels = kPlans.json({prompt}).at("levels");
  REQUIRE(levels.size() == 4);
  for (const int level : {0, 1, 2, 3}) {
    CAPTURE(level);
    const TemporaryFolder folder;
    const auto run = chitu({"run", of_tiny_model(), prompt, "width=64", "height=32", "num_frames=9",
                            "num_inference_steps=3", "device=sim", "hydra.run.dir=run",
                            fmt::format("infer.diffusion.low_mem_level={}", level)},
                           folder.path());
    REQUIRE(run.exit_code == 0);
    const auto metrics = json::parse(read_file(folder / "run/metrics.json"));
    CHECK(metrics.at("plan") == levels[static_cast<std::size_t>(level)].at("plan"));
    const auto& stages = levels[static_cast<std::size_t>(level)].at("stages");
    for (std::size_t i = 0; i < stages.size(); ++i) {
      CHECK(stages[i].at("name") == metrics.at("stages")[i].at("name"));
      CHECK(stages[i].at("peak_device_bytes") == metrics.at("stages")[i].at("peak_device_bytes"));
    }
  }
}

TEST_CASE("no prompt is required: without one, prompts of full length are assumed", "[e2e]") {
  const auto longest = kPlans.json({});
  CHECK(longest.at("longest_prompts") == true);
  const auto given = kPlans.json({"prompt=cat"});
  CHECK(given.at("longest_prompts") == false);
  const auto flops = [](const json& report) {
    return report.at("levels")[0].at("request").at("flops").get<double>();
  };
  CHECK(flops(longest) > flops(given));
}

TEST_CASE("a plan for CUDA needs no GPU: bfloat16, and blocks of 512 bytes", "[e2e]") {
  const auto report = kPlans.json({"device=cuda"});
  CHECK(report.at("dtype") == "bfloat16");
  CHECK(report.at("device") == "cuda:0");
  CHECK(report.at("modelled").at("allocator_granule_bytes") == 512);
  for (const auto& level : report.at("levels")) {
    CHECK(level.at("peak_device_bytes").get<std::int64_t>() % 512 == 0);
    CHECK(level.at("request").at("h2d_bytes") > 0);
  }
}

TEST_CASE("on the CPU the host is the device", "[e2e]") {
  const auto report = kPlans.json({"device=cpu"});
  CHECK(report.at("device_is_host") == true);
  CHECK(report.at("capacity_bytes") > 0);
  for (const auto& level : report.at("levels")) {
    CHECK(level.at("peak_device_bytes") == level.at("peak_host_tensor_bytes"));
    CHECK(level.at("peak_host_bytes").get<std::int64_t>() ==
          level.at("peak_host_tensor_bytes").get<std::int64_t>() +
              report.at("process_bytes").get<std::int64_t>());
    CHECK(level.at("request").at("h2d_bytes") == 0);
    CHECK(level.at("request").at("disk_bytes") > 0);
  }
}

TEST_CASE("a capacity shows which levels fit", "[e2e]") {
  const auto levels = kPlans.json({}).at("levels");
  CHECK(levels[0].at("fits").is_null());
  const auto most = levels[0].at("peak_device_bytes").get<std::int64_t>();
  const auto less = kPlans.json({fmt::format("device.capacity={}B", most - 1)});
  for (const auto& level : less.at("levels"))
    CHECK(level.at("fits") == (level.at("peak_device_bytes") < most));
  const auto enough = kPlans.json({fmt::format("device.capacity={}B", most)});
  for (const auto& level : enough.at("levels")) CHECK(level.at("fits") == true);
}

TEST_CASE("--fit finds sizes that fit, and the next ones do not", "[e2e]") {
  const auto peak = [](const std::string& width, const std::string& frames) {
    return kPlans
        .json({"width=" + width, "height=" + std::to_string(std::stoi(width) / 2),
               "num_frames=" + frames})
        .at("levels")[1]
        .at("peak_device_bytes")
        .get<std::int64_t>();
  };
  const std::int64_t limit = peak("256", "9");  // more than the text encoder takes at any size
  const auto level = kPlans.json({"--fit", fmt::format("{}B", limit)}).at("levels")[1];
  const auto& largest = level.at("largest");
  const int width = largest.at("picture").at("width"), frames = largest.at("num_frames");
  CHECK(width >= 256);
  CHECK(largest.at("picture").at("height") == width / 2);
  CHECK(peak(std::to_string(width), "9") <= limit);
  CHECK(peak(std::to_string(width + 32), "9") > limit);
  CHECK(peak("64", std::to_string(frames)) <= limit);
  CHECK(peak("64", std::to_string(frames + 4)) > limit);

  const auto nothing = kPlans.json({"--fit", "1KiB"}).at("levels")[3].at("largest");
  CHECK(nothing.at("picture").is_null());
  CHECK(nothing.at("num_frames").is_null());
  CHECK_THAT(kPlans.run({"--fit", "1KiB"}).out, ContainsSubstring("does not fit"));
}

TEST_CASE("--explain accounts for the whole peak", "[e2e]") {
  const auto device = GENERATE("sim", "cpu");
  const auto explained = kPlans.json({"--explain", std::string("device=") + device});
  for (const auto& level : explained.at("levels")) {
    const auto& peak = level.at("peak");
    std::int64_t sum = peak.at("rest_bytes");
    for (const auto& group : peak.at("held")) sum += group.at("bytes").get<std::int64_t>();
    CHECK(sum == level.at("peak_device_bytes"));
    CHECK_FALSE(peak.at("where").get<std::string>().empty());
    for (const auto& remedy : peak.at("remedies"))
      CHECK(remedy.at("peak_bytes") < level.at("peak_device_bytes"));
  }
  const auto text = kPlans.run({"--explain"}).out;
  CHECK_THAT(text, ContainsSubstring("weights of ") && ContainsSubstring("lower: "));
}

TEST_CASE("all formats have the same content", "[e2e]") {
  const auto bytes = kPlans.json({}).at("levels")[2].at("peak_device_bytes").get<std::int64_t>();
  CHECK_THAT(kPlans.run({"--format", "csv"}).out,
             Catch::StartsWith("low_mem_level,peak_device_bytes,") &&
                 ContainsSubstring(fmt::format("\n2,{},", bytes)));
  CHECK_THAT(kPlans.run({"--format", "markdown"}).out,
             ContainsSubstring("| `low_mem_level` | 0 | 1 |"));
  CHECK_THAT(kPlans.run({}).out, ContainsSubstring("peak on the device"));
}

TEST_CASE("--placement prints the memory plans and makes no dry run", "[e2e]") {
  const auto all = kPlans.json({"--placement"});
  CHECK(kPlans.json({"--dry"}) == all);  // its former name
  REQUIRE(all.size() == 4);
  CHECK(all[0].at("strategies").empty());
  CHECK(all[0].at("vae").at("rests_on") == "device");
  const auto& least = all[3];
  CHECK(least.at("strategies").size() == 4);
  CHECK(least.at("transformer") == json{{"residency", "streamed"},
                                        {"device", "sim:0"},
                                        {"dtype", "float32"},
                                        {"stored_dtype", "float32"},
                                        {"resident_layers", 0},
                                        {"rests_on", "disk"}});
  CHECK(least.at("vae_tiling") == "exact");
  CHECK(least.at("vae_tile_latents") == 32);
  CHECK(least.at("prefetch_blocks") == 1);
  CHECK(least.at("guidance_interleave") == true);
  CHECK(least.at("offload_activations") == false);
  const auto levels = kPlans.json({}).at("levels");
  for (std::size_t level = 0; level < 4; ++level) CHECK(all[level] == levels[level].at("plan"));

  const auto one =
      kPlans.json({"--placement", "infer.diffusion.low_mem_level=1", "memory=fp8_e4m3",
                   "infer.strategies=[text_encoder_streaming]", "infer.offload_vae=true"});
  REQUIRE(one.size() == 1);
  CHECK(one[0].at("low_mem_level") == 1);
  CHECK(one[0].at("strategies") == json{"vae_tiling", "expert_offload", "text_encoder_streaming"});
  CHECK(one[0].at("transformer").at("stored_dtype") == "float8_e4m3fn");
  CHECK(one[0].at("transformer").at("dtype") == "bfloat16");
  CHECK(one[0].at("transformer").at("rests_on") == "cpu");
  CHECK(one[0].at("vae").at("residency") == "offloaded");
}

TEST_CASE("--placement prints the plan that a run chooses: auto, or a level with a limit",
          "[e2e]") {
  const auto placed = [](std::vector<std::string> more) {
    more.emplace_back("--placement");
    return kPlans.json(more);
  };
  const std::string automatic = "infer.diffusion.low_mem_level=auto";
  const auto roomy = placed({automatic});
  REQUIRE(roomy.size() == 1);
  CHECK(roomy[0].at("low_mem_level") == 0);
  const auto levels = kPlans.json({}).at("levels");
  const auto least = levels[3].at("peak_device_bytes").get<std::int64_t>();
  const auto layer = levels[3].at("components")[1].at("onload_bytes").get<std::int64_t>() / 2;
  const std::string limit = fmt::format("infer.vram_limit={}B", least + layer);
  for (const std::string& level : {automatic, std::string("infer.diffusion.low_mem_level=3")}) {
    const auto plans = placed({level, limit});
    REQUIRE(plans.size() == 1);
    CHECK(plans[0] == kPlans.json({level, limit}).at("chosen").at("plan"));
  }
  const auto kept = placed({limit, "infer.diffusion.low_mem_level=3"})[0].at("transformer");
  CHECK((kept.at("residency") != "streamed" || kept.at("resident_layers") > 0));
  const auto refused = kPlans.run({"--placement", "infer.vram_limit=1KiB"});
  CHECK(refused.exit_code == 3);
  CHECK(refused.out.empty());
  CHECK_THAT(refused.err, ContainsSubstring("the least that does is "));
  const auto unknown = kPlans.run({"--placement", automatic, "device=cuda"});
  if (unknown.exit_code != 0) {  // no GPU here
    CHECK(unknown.exit_code == 2);
    CHECK_THAT(unknown.err, ContainsSubstring("give it as device.capacity=24GiB"));
  }
}

/// Result of `chitu run` for a request: empty if it is out of memory, else its plan.
json plan_of_run(const std::vector<std::string>& overrides) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments{
      "run",          of_tiny_model(),         "prompt=cat",       "width=64", "height=32",
      "num_frames=9", "num_inference_steps=3", "hydra.run.dir=run"};
  arguments.insert(arguments.end(), overrides.begin(), overrides.end());
  const auto run = chitu(arguments, folder.path());
  INFO(run.err);
  CHECK((run.exit_code == 0 || run.exit_code == 3));
  if (run.exit_code != 0) return {};
  json plan = json::parse(read_file(folder / "run/metrics.json")).at("plan");
  plan.erase("choice");
  return plan;
}

TEST_CASE("chitu plan shows the plan that chitu run records, or its refusal", "[e2e]") {
  const auto peak = [](std::size_t level) {
    return kPlans.json({"prompt=cat"}).at("levels")[level].at("peak_device_bytes").get<int64_t>();
  };
  const std::string below = fmt::format("device.capacity={}B", peak(3) / 2);
  const std::string between = fmt::format("device.capacity={}B", (peak(3) + peak(0)) / 2);
  const std::string automatic = "infer.diffusion.low_mem_level=auto";
  const std::vector<std::vector<std::string>> cases{
      {"device=sim", below, "infer.vram_limit=100GiB"},
      {"device=sim", between, "infer.vram_limit=100GiB"},
      {"device=sim", between, "infer.vram_limit=100GiB", "infer.diffusion.low_mem_level=0"},
      {"device=sim", between, automatic},
      {"device=sim", between, "infer.diffusion.low_mem_level=0"},
      {"device=sim", between, "infer.vram_limit=99%", "infer.host_limit=100GiB"},
      {"device=sim", "infer.vram_limit=1MiB", "infer.host_limit=1MiB"},
      {"device=sim", automatic},
      {"device=cpu", "infer.vram_limit=1MiB"},
      {"device=cpu", "infer.vram_limit=2GiB"},
      {"device=cpu", automatic, "infer.host_limit=90%"},
      {"device=cpu", "infer.vram_limit=2GiB", "infer.host_limit=1MiB"}};
  for (std::vector<std::string> overrides : cases) {
    CAPTURE(overrides);
    const json taken = plan_of_run(overrides);
    overrides.emplace_back("prompt=cat");
    const json report = kPlans.json(overrides);
    if (taken.is_null()) {
      CHECK(report.at("chosen").is_null());
      CHECK_THAT(report.at("refused").get<std::string>(),
                 ContainsSubstring("the least that does is "));
    } else {
      REQUIRE_FALSE(report.at("chosen").is_null());
      CHECK(report.at("chosen").at("plan") == taken);
      CHECK_FALSE(report.contains("refused"));
    }
  }
}

TEST_CASE("a plan and a run count the same process size, apart from what differs between starts",
          "[e2e]") {
  for (const std::string device : {"device=sim", "device=cpu"}) {
    CAPTURE(device);
    const TemporaryFolder folder;
    const auto run = chitu({"run", of_tiny_model(), "prompt=cat", "width=32", "height=32",
                            "num_frames=1", "num_inference_steps=1", device, "output.format=png",
                            "infer.host_limit=8GiB", "hydra.run.dir=run"},
                           folder.path());
    REQUIRE(run.exit_code == 0);
    const json metrics = json::parse(read_file(folder / "run/metrics.json"));
    const json report = kPlans.json({"prompt=cat", "width=32", "height=32", "num_frames=1",
                                     "num_inference_steps=1", device, "infer.host_limit=8GiB"});
    const auto of_run = metrics.at("plan").at("choice").at("needed_host_bytes").get<int64_t>();
    const auto of_plan = report.at("chosen").at("peak_host_bytes").get<int64_t>();
    CHECK(std::abs(of_run - of_plan) < (4 << 20));  // the margin in limits that a refusal names
  }
}

TEST_CASE("every format has a column for the chosen plan", "[e2e]") {
  const auto peak = kPlans.json({}).at("levels")[0].at("peak_device_bytes").get<std::int64_t>();
  const std::string limit = fmt::format("infer.vram_limit={}B", peak - 1);
  const json report = kPlans.json({limit});
  const int level = report.at("chosen").at("plan").at("low_mem_level");
  CHECK(report.at("chosen").at("fits") == true);
  CHECK(report.at("budget").at("source") == "infer.vram_limit");
  CHECK(report.at("budget").at("bytes") == peak - 1);
  const std::string table = kPlans.run({limit}).out;
  CHECK_THAT(table, ContainsSubstring(fmt::format("chosen: {}", level)) &&
                        ContainsSubstring("transformer layers kept on the device") &&
                        ContainsSubstring("VAE decodes") && ContainsSubstring("guidance branches"));
  CHECK_THAT(
      kPlans.run({limit, "--format", "markdown"}).out,
      ContainsSubstring(fmt::format("| `low_mem_level` | 0 | 1 | 2 | 3 | chosen: {} |", level)));
  const std::string csv = kPlans.run({limit, "--format", "csv"}).out;
  CHECK_THAT(csv, ContainsSubstring(",vae_tile_latents,resident_layers,guidance_interleave,"
                                    "offload_activations,chosen,fits"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 6);
  CHECK_THAT(csv, ContainsSubstring(",yes,yes\n"));
  const std::string refused = kPlans.run({"infer.vram_limit=1KiB"}).out;
  CHECK_THAT(refused, ContainsSubstring("chosen: none. infer.vram_limit: 1.0 KiB do not hold"));
}

TEST_CASE("the lowest limit that a refusal names works when used", "[e2e]") {
  const auto [device, key] =
      GENERATE(std::pair("cpu", "infer.vram_limit"), std::pair("cpu", "infer.host_limit"),
               std::pair("cpu", "++device.capacity"), std::pair("sim", "infer.vram_limit"),
               std::pair("sim", "infer.host_limit"), std::pair("sim", "device.capacity"));
  CAPTURE(device, key);
  const TemporaryFolder folder;
  const auto run = [&](const std::string& amount) {
    return chitu({"run", of_tiny_model(), "prompt=cat", "width=32", "height=32", "num_frames=1",
                  "num_inference_steps=1", std::string("device=") + device,
                  "infer.diffusion.low_mem_level=auto", fmt::format("{}={}", key, amount),
                  "hydra.run.dir=run", "output.format=png"},
                 folder.path());
  };
  for (int i = 0; i < 3; ++i) {
    const auto refused = run("1KiB");
    CHECK(refused.exit_code == 3);
    const std::string before = "the least that does is ";
    const std::size_t at = refused.err.find(before);
    REQUIRE(at != std::string::npos);
    const std::size_t open = refused.err.find(" (", at), close = refused.err.find(')', open);
    const std::string exact = refused.err.substr(at + before.size(), open - at - before.size());
    const std::string rounded = refused.err.substr(open + 2, close - open - 2);
    for (const std::string& amount : {exact, rounded}) {
      CAPTURE(amount);
      const auto kept = run(amount);
      INFO(kept.err);
      CHECK(kept.exit_code == 0);
    }
  }
}

TEST_CASE("a run on the CPU that exceeds its limit says so", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = chitu({"run", of_tiny_model(), "prompt=cat", "width=32", "height=32",
                          "num_frames=1", "num_inference_steps=1", "device=cpu",
                          "infer.vram_limit=90%", "hydra.run.dir=run", "output.format=png"},
                         folder.path());
  REQUIRE(run.exit_code == 0);
  const json metrics = json::parse(read_file(folder / "run/metrics.json"));
  CHECK(metrics.at("memory").at("overruns") == json::array());
}

TEST_CASE("the footer says what a level does, no matter which key decided it", "[e2e]") {
  const std::string plain = kPlans.run({}).out;
  CHECK_THAT(plain, ContainsSubstring("level 0: everything resident\n"));
  const std::string float8 = kPlans.run({"memory=fp8_disk"}).out;
  CHECK_THAT(float8, !ContainsSubstring("everything resident"));
  CHECK_THAT(float8, ContainsSubstring("level 0: text_encoder streamed from disk in float8_e4m3fn, "
                                       "transformer streamed from disk in float8_e4m3fn"));
  CHECK_THAT(kPlans.run({"infer.offload_vae=true"}).out,
             ContainsSubstring("level 0: text_encoder resident, transformer resident, vae "
                               "offloaded from disk\n"));
  CHECK_THAT(
      kPlans.run({"infer.strategies=[text_encoder_offload]", "infer.offload_text_encoder=false"})
          .out,
      ContainsSubstring("level 0: everything resident (text_encoder_offload)\n"));
}

TEST_CASE("--explain offers only changes that lower the peak noticeably", "[e2e]") {
  const TemporaryFolder folder;
  const auto plan = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all{"plan",      "model=wan2.1-t2v-14b", "device=cuda",
                                 "width=832", "height=480",           "--explain"};
    all.insert(all.end(), more.begin(), more.end());
    return chitu(all, folder.path()).out;
  };
  const json report = json::parse(plan({"--format", "json"}));
  for (const json& level : report.at("levels"))
    for (const json& remedy : level.at("peak").at("remedies"))
      CHECK(remedy.at("peak_bytes").get<double>() <=
            0.99 * level.at("peak_device_bytes").get<double>());
  CHECK_THAT(plan({}), !ContainsSubstring("num_frames=41 (fewer frames): 42.07 GiB"));
}

TEST_CASE("a limit on the host's memory shows which levels fit, and refuses a run", "[e2e]") {
  const auto small = kPlans.json({"infer.host_limit=1MiB"});
  for (const auto& level : small.at("levels")) CHECK(level.at("fits") == false);
  const auto large = kPlans.json({"infer.host_limit=1000GiB"});
  for (const auto& level : large.at("levels")) CHECK(level.at("fits") == true);
  const TemporaryFolder folder;
  const auto run = chitu({"run", of_tiny_model(), "prompt=cat", "width=64", "height=32",
                          "device=sim", "infer.host_limit=1MiB", "hydra.run.dir=run"},
                         folder.path());
  INFO(run.err);
  CHECK(run.exit_code == 3);
  CHECK_THAT(run.err, ContainsSubstring("infer.host_limit: 1.0 MiB do not hold this request") &&
                          ContainsSubstring("the least that does is "));
  CHECK_FALSE(std::filesystem::exists(folder / "run"));
}

TEST_CASE("an impossible plan is refused in one line", "[e2e]") {
  const auto refused = [](const std::vector<std::string>& more, const std::string& expected) {
    const Finished run = kPlans.run(more);
    INFO(run.err);
    CHECK(run.exit_code == 2);
    CHECK(run.out.empty());
    CHECK_THAT(run.err, Catch::StartsWith("error: ") && ContainsSubstring(expected));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') <= 3);
  };
  refused({"--format", "xml"}, "expected one of table, json, csv, markdown");
  refused({"--fit", "much"}, "--fit much: expected a size such as 16GiB");
  refused({"--fit", "-3GiB"}, "--fit -3GiB: expected a size");
  refused({"--fit", "0"}, "expected a size");
  refused({"--fits", "3GiB"}, "did you mean --fit?");
  refused({"--placement", "--format", "csv"}, "--format csv: --placement prints YAML, or json");
  refused({"--placement", "--fit", "3GiB"}, "--placement makes no dry run");
  refused({"--placement", "model.ckpt_dir=nowhere"}, "nowhere: no such folder");
  refused({"infer.strategies=[vae_tilng]"}, "did you mean vae_tiling?");
  refused({"infer.strategies=vae_tiling"}, "expected a list");
  refused({"infer.host_limit=much"}, "infer.host_limit=much: expected an amount of memory");
  refused({"request.widht=32"}, "width");
  refused({"width=100"}, "16");
  refused({"num_frames=8"}, "4k + 1 frames");
  refused({"infer.dtype=int8"}, "float32");
  refused({"model.ckpt_dir=nowhere"}, "nowhere: no such folder");
}

/// A terminal for a command, and the text that it wrote.
class Terminal {
 public:
  Terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    REQUIRE(master_ >= 0);
    REQUIRE(::grantpt(master_) == 0);
    REQUIRE(::unlockpt(master_) == 0);
    name_ = ::ptsname(master_);
    slave_ = ::open(name_.c_str(), O_RDWR | O_NOCTTY);  // reading ends when this is closed
    reader_ = std::thread([this] {
      char bytes[4096];
      for (ssize_t count = 0; (count = ::read(master_, bytes, sizeof bytes)) > 0;)
        text_.append(bytes, static_cast<std::size_t>(count));
    });
  }
  ~Terminal() { ::close(master_); }
  const std::string& name() const { return name_; }
  std::string finish() {
    ::close(slave_);
    reader_.join();
    return text_;
  }

 private:
  int master_, slave_ = -1;
  std::string name_, text_;
  std::thread reader_;
};

TEST_CASE("a plan shows its progress on a terminal, and nowhere else", "[e2e]") {
  CHECK(kPlans.run({"--fit", "1GiB"}).err.empty());
  const TemporaryFolder folder;
  Terminal terminal;
  const std::string line = chitu_command() + " plan " + of_tiny_model() +
                           " width=64 height=32 num_frames=9 device=sim --fit 1GiB --explain 2>" +
                           terminal.name();
  const auto run = Process({"/bin/bash", "-c", line}, folder.path()).finish();
  const std::string shown = terminal.finish();
  CHECK(run.exit_code == 0);
  CHECK_THAT(shown, ContainsSubstring("planning level 0: encode_text, pass 1, 0 s") &&
                        ContainsSubstring("planning what a run takes") &&
                        ContainsSubstring("planning sizes at level 3: denoise, pass 2") &&
                        ContainsSubstring("planning peak of level 1"));
  CHECK(shown.ends_with("\r\x1b[K"));  // the line is cleared at the end
  CHECK_THAT(run.out, Catch::StartsWith("wan-unipc: ") && !ContainsSubstring("planning"));
}

TEST_CASE("the help lists the flags of plan", "[e2e]") {
  const auto help = kPlans.run({"--help"});
  CHECK(help.exit_code == 0);
  for (const char* flag : {"--format", "--fit", "--explain", "--placement"})
    CHECK_THAT(help.out, ContainsSubstring(flag));
}

TEST_CASE("models without weights can be planned, and not run", "[e2e]") {
  const TemporaryFolder folder;
  for (const char* model : {"model=wan2.1-t2v-1.3b", "model=wan2.1-t2v-14b"}) {
    const auto planned = chitu({"plan", model, "device=cuda", "--format", "json"}, folder.path());
    INFO(planned.err);
    REQUIRE(planned.exit_code == 0);
    CHECK(json::parse(planned.out).at("levels").size() == 4);
    const auto run = chitu({"run", model, "prompt=cat"}, folder.path());
    CHECK(run.exit_code == 2);
    CHECK_THAT(run.err, ContainsSubstring("has no weights") &&
                            ContainsSubstring("set model.ckpt_dir to a downloaded checkpoint"));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  }
}

}  // namespace
}  // namespace chitu::testing
