#include <unistd.h>

#include <algorithm>
#include <cstdlib>
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
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
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

TEST_CASE("one mistake is one line", "[e2e]") {
  const BadInput bad;
  bad.refused({"request.prompt=[a"}, "expected , or ], got the end at column 18");
  bad.refused({"request.prompt"}, "expected = and a value");
  bad.refused({"request.prompt=a\n#b"}, "request.prompt=a\\n#b: expected the end");
  bad.refused({"prompt=a,b"}, "to have the text taken as it is, write --prompt TEXT");
  bad.refused({"model=nosuch"}, "available options in 'model': demo");
  bad.refused({"zz=1"}, "there is no key 'zz', expected one of hydra, device, model");
  bad.refused({"infer.dtpe=x"}, "did you mean infer.dtype?");
  bad.refused({"+infer.dtpe=x"}, "+infer.dtpe=x: unknown key, did you mean infer.dtype?");
  bad.refused({"request.width=33"},
              "error: request.width=33: expected a multiple of 16, the "
              "nearest being 32 or 48\n");
  bad.refused({"request.fps=0"}, "error: request.fps=0: expected 1 to 240, got 0\n");
  bad.refused({"--badflag"}, "unknown flag --badflag");
  bad.refused({"hydra.run.dir="}, "hydra.run.dir=: expected a folder");
  bad.refused({"hydra.run.dir=x/${hydra.job.num}"}, "hydra.job.num");
  bad.refused({"-m", "seed=1,2", "hydra.sweep.dir="}, "hydra.sweep.dir=: expected a folder");
  bad.refused({"-m", "seed=1,2", "hydra.sweep.dir=x/${hydra.job.num}"}, "hydra.sweep.dir=x/");
  bad.refused({"hydra.run.dir=x/${hydra.job.id}"}, "only those of the jobs of a sweep");
  for (const char* folder :
       {"x/${hydra:job.id}", "${hydra:job.num}", "x/${hydra:runtime.output_dir}"})
    bad.refused({"hydra.run.dir=" + std::string(folder)}, "needs a value that is not set here");
  bad.refused({"-m", "seed=1", "hydra.sweep.dir=x/${hydra:job.num}"}, "hydra.sweep.dir=x/");
  for (const char* folder : {"", "???", "null", "${hydra:runtime.output_dir}"})
    bad.refused({"-m", "seed=1", "hydra.sweep.subdir=" + std::string(folder)},
                ": hydra.sweep.subdir=" + std::string(folder) + ": ");
  bad.refused({"debug.dump_tensors=x/${hydra:job.id}.safetensors"}, "hydra.job.id is ???");
  bad.refused({"prompt='a ${hydra:job.id}'"}, "hydra.job.id is ???");
  bad.refused({"device=cpu", "device.index=1"}, "device.index=1: expected 0 or null");
  bad.refused({"--set-file", "request.prompt", "nofile"},
              "--set-file request.prompt: nofile: No such file");
}

TEST_CASE("a key that was misspelt in any form of override is told with the nearest", "[e2e]") {
  const BadInput bad;
  const std::string hint = "Did you mean seed=... (short for request.seed)?";
  bad.refused({"seeed=1"}, hint);
  bad.refused({"+seeed=1"}, hint);
  bad.refused({"++seeed=1"}, hint);
  bad.refused({"+request.seeed=1"}, "unknown key, did you mean request.seed?");
}

TEST_CASE("a number that is no number to compute with is refused", "[e2e]") {
  const BadInput bad;
  bad.refused({"seed=99999999999999999999"},
              "the number 99999999999999999999 does not fit 64 bits, expected -2^63 to 2^64 - 1 or "
              "a quoted text");
  bad.refused({"request.flow_shift=inf"},
              "request.flow_shift=inf: expected a finite number, more than 0, got inf");
  bad.refused({"request.guidance_scale=nan"}, "expected a finite number, 0 to 1000, got nan");
  for (const char* rate : {"inf", "-inf", "nan", "0", "-1e12"})
    bad.refused({"device/profile=rtx4090", "device.profile.flops.bfloat16=" + std::string(rate)},
                "device.profile.flops.bfloat16=" + std::string(rate) + ": expected ");
  for (const char* rate : {"inf", "nan", "0", "-1GB"})
    bad.refused({"device/profile=rtx4090", "device.profile.disk_bandwidth=" + std::string(rate)},
                "expected a bandwidth above 0");
}

TEST_CASE("a file that is no text is refused with its name", "[e2e]") {
  const BadInput bad;
  write_file(bad.folder / "bad.txt", "ab\xff");
  const std::string file = (bad.folder / "bad.txt").string();
  bad.refused({"--set-file", "request.prompt", file},
              "--set-file request.prompt: " + file + ": not valid UTF-8 at byte 3");
}

TEST_CASE("the error of a job names each override once", "[e2e]") {
  const BadInput bad;
  bad.refused({"-m", "request.width=x,y", "hydra.sweep.dir=all"},
              "error: job #0: request.width=x: expected at least 16");
  bad.refused({"-m", "seed=5,6", "request.width=x,y", "hydra.sweep.dir=all"},
              "error: job #0: request.seed=5: request.width=x: expected at least 16");
}

TEST_CASE("two mistakes are two lines", "[e2e]") {
  const BadInput bad;
  const auto run = Process(bad.arguments({"infer.threads=0", "request.fps=0"}), bad.work).finish();
  CHECK(run.exit_code == 2);
  CHECK(run.err ==
        "error: infer.threads=0: expected 1 to 1024, got 0\n"
        "error: request.fps=0: expected 1 to 240, got 0\n");
}

TEST_CASE("a prompt that is not UTF-8 is refused before the run starts", "[e2e]") {
  const BadInput bad;
  const std::string text = "a\xFF";
  write_file(bad.folder / "text", text);
  write_file(bad.folder / "request.yaml", "request:\n  prompt: " + text + "\n");
  bad.refused({"--prompt", text}, "request.prompt: not valid UTF-8 at byte 2");
  bad.refused({"--negative-prompt", text}, "request.negative_prompt: not valid UTF-8 at byte 2");
  bad.refused({"--set-str", "request.prompt", text}, "request.prompt: not valid UTF-8 at byte 2");
  bad.refused({"--set-file", "request.prompt", (bad.folder / "text").string()},
              "request.prompt: not valid UTF-8 at byte 2");
  bad.refused({"prompt=" + text}, "request.prompt=a\\xff: not valid UTF-8 at byte 17");
  bad.refused({"-m", "prompt=b," + text}, "not valid UTF-8 at byte 19");
  bad.refused({"--config-dir", bad.folder.path().string(), "--config-name", "request"}, "UTF-8");
  ::setenv("CHITU_TEST_PROMPT", text.c_str(), 1);
  bad.refused({"prompt=${oc.env:CHITU_TEST_PROMPT}"}, "CHITU_TEST_PROMPT is not valid UTF-8");
  bad.refused({"-m", "prompt=${oc.env:CHITU_TEST_PROMPT}", "seed=1,2"},
              "CHITU_TEST_PROMPT is not valid UTF-8");
  ::unsetenv("CHITU_TEST_PROMPT");
}

TEST_CASE("a number above 1024 needs a unit wherever a size is meant", "[e2e]") {
  const BadInput bad;
  const std::string expected = "8000000000: expected a unit, such as 8GB or 8GiB";
  bad.refused({"infer.vram_limit=8000000000"}, "infer.vram_limit=" + expected);
  bad.refused({"infer.host_limit=8000000000"}, "infer.host_limit=" + expected);
  bad.refused({"device=sim", "device.capacity=8000000000"}, "device.capacity=" + expected);
  bad.refused({"device=sim", "device.h2d_bandwidth=8000000000"},
              "device.h2d_bandwidth=" + expected);
  bad.refused({"device/profile=rtx4090", "device.profile.memory=8000000000"},
              "device.profile.memory=" + expected);
  const auto fit = chitu({"plan", of_tiny_model(), "--fit", "8000000000"}, bad.work);
  CHECK(fit.exit_code == 2);
  CHECK(fit.err.starts_with("error: --fit " + expected));
}

TEST_CASE("seeds are the integers that torch.Generator.manual_seed takes", "[e2e]") {
  const BadInput good;
  const auto video = [&](const std::string& seed) {
    auto arguments = good.arguments({"hydra.run.dir=run" + seed, "seed=" + seed});
    CHECK(Process(arguments, good.work).finish().exit_code == 0);
    return read_file(good.work / ("run" + seed) / "video.mp4");
  };
  CHECK(video("18446744073709551615") == video("-1"));
  const auto metrics =
      nlohmann::json::parse(read_file(good.work / "run18446744073709551615/metrics.json"));
  CHECK(metrics.at("request").at("seed") == 18446744073709551615u);
  CHECK_THAT(read_file(good.work / "run18446744073709551615/.hydra/config.yaml"),
             ContainsSubstring("seed: 18446744073709551615\n"));
}

TEST_CASE("the last line break of a file is not part of the text", "[e2e]") {
  const TemporaryFolder folder;
  write_file(folder / "prompt.txt", "a cat,\non the grass\n");
  CHECK_THAT(chitu({"config", "--set-file", "request.prompt", "prompt.txt", "--format", "json"},
                   folder.path())
                 .out,
             ContainsSubstring("\"prompt\": \"a cat,\\non the grass\""));
}

TEST_CASE("missing and damaged checkpoints are refused", "[e2e]") {
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
    const fs::path file = bad.model / "model_index.json";
    auto config = nlohmann::json::parse(read_file(file));
    config["scheduler"][1] = "EulerScheduler";
    write_file(file, config.dump());
    bad.refused({}, "FlowMatchEulerDiscreteScheduler");
  }
}

TEST_CASE("an empty prompt is allowed", "[e2e]") {
  const BadInput good;
  CHECK(Process(good.arguments({"prompt="}), good.work).finish().exit_code == 0);
}

TEST_CASE("an unwritable folder is refused", "[e2e]") {
  const BadInput bad;
  bad.refused({"hydra.run.dir=/proc/nowhere"}, "/proc/nowhere: cannot make the folder");
  bad.refused({"debug.dump_tensors=/proc/nowhere/x.safetensors"}, "debug.dump_tensors=");
}

TEST_CASE("a full disk leaves nothing behind", "[e2e]") {
  const BadInput bad;
  // A limit on file sizes fails a write as a full disk does. The shell's blocks are 512 bytes or 1
  // KiB, so the configuration fits and the video does not.
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

TEST_CASE("unknown flags and subcommands are refused", "[e2e]") {
  const TemporaryFolder folder;
  const auto flag = chitu({"run", "--promt", "x"}, folder.path());
  CHECK(flag.exit_code == 2);
  CHECK_THAT(flag.err, ContainsSubstring("--promt"));
  const auto command = chitu({"rnu"}, folder.path());
  CHECK(command.exit_code == 2);
  CHECK_THAT(command.err, ContainsSubstring("did you mean run?"));
}

TEST_CASE("tokenize refuses input that is not a list of texts", "[e2e]") {
  const TemporaryFolder folder;
  const std::string model = tiny_model().string();
  CHECK(chitu({"tokenize", "--ckpt-dir", model}, folder.path(), "{").exit_code == 2);
  CHECK(chitu({"tokenize", "--ckpt-dir", "/nowhere"}, folder.path(), "[]").exit_code == 2);
}

}  // namespace
}  // namespace chitu::testing
