#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;

/// A copy of the tiny checkpoint to damage, and an empty folder to work in.
struct BadInput {
  BadInput() {
    fs::copy(tiny_model(), model, fs::copy_options::recursive);
    fs::create_directories(work);
  }

  std::vector<std::string> arguments(const std::vector<std::string>& more) const {
    std::vector<std::string> all{chitu_command(),
                                 "run",
                                 "model.ckpt_dir=" + model.string(),
                                 "prompt=cat",
                                 "width=32",
                                 "height=32",
                                 "num_frames=5",
                                 "num_inference_steps=2"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  /// One clear line, exit code 2, nothing written.
  void refused(const std::vector<std::string>& more, const std::string& expected) const {
    const auto run = Process(arguments(more), work).finish();
    INFO(run.err);
    CHECK(run.exit_code == 2);
    CHECK(run.out.empty());
    CHECK_THAT(run.err, ContainsSubstring(expected));
    CHECK_THAT(run.err, Catch::StartsWith("error: "));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') <=
          3);  // the line, and what to choose from
    CHECK(fs::is_empty(work));
  }

  TemporaryFolder folder;
  fs::path model = folder / "model";
  fs::path work = folder / "work";
};

TEST_CASE("wrong keys and values are refused with the nearest right ones", "[e2e]") {
  const BadInput bad;
  bad.refused({"infer.difusion.low_mem_level=2"}, "diffusion");
  bad.refused({"request.widht=32"}, "width");
  bad.refused({"infer.diffusion.low_mem_level=five"}, "five");
  bad.refused({"infer.diffusion.low_mem_level=7"}, "expected one of 0, 1, 2, 3, auto, got 7");
  bad.refused({"infer.vram_limit=lots"}, "infer.vram_limit=lots: expected an amount of memory");
  bad.refused({"infer.dtype=int8"}, "float32");
  bad.refused({"request.width=wide"}, "request.width");
  bad.refused({"request.width=100"}, "16");
  bad.refused({"request.num_frames=8"}, "4k + 1 frames, the nearest being 5 or 9");
  bad.refused({"output.format=avi"}, "mp4");
  bad.refused({"output.format=png"}, "holds one picture");
  bad.refused({"device=cuda", "device.index=99"}, "no such device here");
  bad.refused({"model=nosuch"}, "demo");
  bad.refused({"infer.prompt_cache=''"}, "infer.prompt_cache='': expected a folder or null");
  bad.refused({"infer.prompt_cache=/dev/null"},
              "infer.prompt_cache=/dev/null: cannot write: Not a directory");
}

TEST_CASE("checkpoints that are missing or damaged are refused", "[e2e]") {
  const BadInput bad;
  const fs::path weights = bad.model / "transformer" / "diffusion_pytorch_model.safetensors";
  SECTION("no folder") { bad.refused({"model.ckpt_dir=nowhere"}, "nowhere: no such folder"); }
  SECTION("a missing file") {
    fs::remove(weights);
    bad.refused({}, (bad.model / "transformer").string());
  }
  SECTION("a truncated file") {
    fs::resize_file(weights, fs::file_size(weights) / 2);
    bad.refused({}, weights.string());
  }
  SECTION("no safetensors at all") {
    write_file(weights, "hello");
    bad.refused({}, weights.string());
  }
  SECTION("another shape") {
    const fs::path file = bad.model / "transformer" / "config.json";
    auto config = nlohmann::json::parse(read_file(file));
    config["ffn_dim"] = 64;
    write_file(file, config.dump());
    const auto run = Process(bad.arguments({}), bad.work).finish();
    CHECK(run.exit_code == 2);
    CHECK_THAT(run.err, ContainsSubstring(weights.string()) &&
                            ContainsSubstring("expected shape [64, 40], got [56, 40]"));
    CHECK(fs::is_empty(bad.work));
  }
  SECTION("an unknown scheduler") {
    const fs::path file = bad.model / "scheduler" / "scheduler_config.json";
    auto config = nlohmann::json::parse(read_file(file));
    config["_class_name"] = "EulerScheduler";
    write_file(file, config.dump());
    bad.refused({}, "FlowMatchEulerDiscreteScheduler");
  }
}

TEST_CASE("an empty prompt is allowed", "[e2e]") {
  const BadInput good;
  CHECK(Process(good.arguments({"prompt="}), good.work).finish().exit_code == 0);
}

TEST_CASE("a folder that cannot be written to is refused", "[e2e]") {
  const BadInput bad;
  bad.refused({"hydra.run.dir=/proc/nowhere"}, "/proc/nowhere: cannot make the folder");
  bad.refused({"debug.dump_tensors=/proc/nowhere/x.safetensors"}, "debug.dump_tensors=");
}

TEST_CASE("a disk that is full leaves nothing behind", "[e2e]") {
  const BadInput bad;
  // A limit on the size of files fails a write just as a full disk does; the shell's blocks are
  // 512 bytes or 1 KiB, so the configuration still fits and the video does not.
  std::string command = "trap '' XFSZ; ulimit -f 4; exec";
  for (const std::string& argument :
       bad.arguments({"output.format=gif", "width=256", "height=256"}))
    command += " '" + argument + "'";
  const auto run = Process({"/bin/sh", "-c", command}, bad.work).finish();
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, ContainsSubstring("cannot write: File too large"));
  CHECK(fs::is_empty(bad.work));
}

TEST_CASE("flags and subcommands that do not exist are refused", "[e2e]") {
  const TemporaryFolder folder;
  const auto flag = chitu({"run", "--promt", "x"}, folder.path());
  CHECK(flag.exit_code == 2);
  CHECK_THAT(flag.err, ContainsSubstring("--promt"));
  const auto command = chitu({"rnu"}, folder.path());
  CHECK(command.exit_code == 2);
  CHECK_THAT(command.err, ContainsSubstring("did you mean run?"));
}

TEST_CASE("tokenize refuses what is no list of texts", "[e2e]") {
  const TemporaryFolder folder;
  const std::string model = tiny_model().string();
  CHECK(chitu({"tokenize", "--ckpt-dir", model}, folder.path(), "{").exit_code == 2);
  CHECK(chitu({"tokenize", "--ckpt-dir", "/nowhere"}, folder.path(), "[]").exit_code == 2);
}

}  // namespace
}  // namespace chitu::testing
