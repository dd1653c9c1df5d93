#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;
using Words = std::vector<std::string>;

/// The command line for a shell, which can limit and redirect what it starts.
Finished in_shell(const std::string& before, const Words& words, const std::string& after,
                  const fs::path& folder) {
  std::string line = before + " '" + chitu_command() + "'";
  for (const std::string& word : words) line += " '" + word + "'";
  return Process({"/bin/bash", "-c", line + " " + after}, folder).finish();
}

bool is_one_line(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n') == 1 && text.ends_with('\n');
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.insert(entry.path().filename().string());
  return names;
}

nlohmann::json metrics_of(const fs::path& run) {
  return nlohmann::json::parse(read_file(run / "metrics.json"));
}

TEST_CASE("an output that cannot be written is refused before the work, with its key", "[e2e]") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "folder");
  write_file(folder / "file", "x");
  fs::create_symlink("loop", folder / "loop");
  fs::copy(tiny_model(), folder / "model", fs::copy_options::recursive);
  const auto before = names_in(folder.path());
  const std::string key = "debug.dump_tensors=";
  const auto [words, expected] = GENERATE(table<Words, std::string>({
      {{"debug.dump_tensors=folder"}, "debug.dump_tensors=folder: is a folder, expected a file"},
      {{"debug.dump_tensors=file/x"}, "debug.dump_tensors=file/x: cannot write: Not a directory"},
      {{"debug.dump_tensors=none/x"}, "debug.dump_tensors=none/x: cannot write to "},
      {{"debug.dump_tensors=loop"}, "debug.dump_tensors=loop: cannot write: Too many levels"},
      {{"debug.dump_tensors=/dev/null"}, "debug.dump_tensors=/dev/null: is a device"},
      {{"debug.dump_tensors=run/video.mp4"},
       "debug.dump_tensors=run/video.mp4: is where the media"},
      {{"debug.dump_tensors=run/metrics.json"}, "is where the run writes its metrics.json"},
      {{"debug.dump_tensors=run/.hydra/x"}, "is where the run writes its .hydra"},
      {{"debug.dump_tensors=run/frames/x", "output.format=frames"}, "is where the media go"},
      {{"model.ckpt_dir=model", "debug.dump_tensors=model/transformer/x.safetensors"},
       "lies in the checkpoint folder"},
      {{"infer.prompt_cache=file"}, "infer.prompt_cache=file: cannot write: Not a directory"},
      {{"infer.prompt_cache=loop/x"}, "infer.prompt_cache=loop/x: cannot write: Too many levels"},
      {{"hydra.run.dir=file"}, "hydra.run.dir: "},
      {{"hydra.run.dir=file/x"}, "hydra.run.dir: "},
      {{"hydra.run.dir=loop"}, "hydra.run.dir: "},
      {{"hydra.run.dir=/proc/x/y"}, "hydra.run.dir: /proc/x: cannot make the folder"},
      {{"model.ckpt_dir=file"}, "model.ckpt_dir=file: is a file, not a folder"},
      {{"model.ckpt_dir=loop"}, "model.ckpt_dir=loop: no such folder: Too many levels"},
      {{"--multirun", "seed=1,2", "hydra.sweep.dir=file"}, "hydra.sweep.dir: "},
      {{"--multirun", "seed=1,2", "debug.dump_tensors=folder"}, "debug.dump_tensors=folder: is a"},
  }));
  const auto run = chitu(tiny_run(words), folder.path());
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK(run.out.empty());
  CHECK(is_one_line(run.err));
  CHECK_THAT(run.err, Catch::StartsWith("error: ") && ContainsSubstring(expected));
  CHECK(names_in(folder.path()) == before);
}

TEST_CASE("media are named by output.name, in every format of the run", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = chitu(tiny_run({"output.name={index:04d}-{prompt:.2}-{seed}", "seed=7",
                                   "output.format=[gif,frames]", "output.contact_sheet=true"}),
                         folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const std::string stem = (folder / "run/0000-ca-7").string();
  CHECK(run.out == stem + ".gif\n" + stem + "\n" + stem + "-contact_sheet.png\n");
  CHECK(names_in(stem).size() == 5);
  CHECK(metrics_of(folder / "run").at("files") ==
        nlohmann::json{"0000-ca-7.gif", "0000-ca-7", "0000-ca-7-contact_sheet.png"});

  // What output.name names stays when a later run in this folder makes other media.
  REQUIRE(chitu(tiny_run({"output.name={seed}", "seed=8"}), folder.path()).exit_code == 0);
  CHECK(names_in(folder / "run") ==
        std::set<std::string>{".hydra", "0000-ca-7", "0000-ca-7-contact_sheet.png", "0000-ca-7.gif",
                              "8.mp4", "metrics.json", "run.log"});
}

TEST_CASE("the index of a name is the number of the job in its sweep", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = chitu(tiny_run({"-m", "seed=5,6", "hydra.sweep.dir=all",
                                   "output.name={index}-{seed}", "output.format=gif"}),
                         folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(fs::exists(folder / "all/0/0-5.gif"));
  CHECK(fs::exists(folder / "all/1/1-6.gif"));
}

TEST_CASE("a name that cannot be is refused before the work", "[e2e]") {
  const TemporaryFolder folder;
  const auto [words, expected] = GENERATE(table<Words, std::string>({
      {{"output.name={sed}"}, "output.name='{sed}': unknown field {sed}, expected one of date,"},
      {{"output.name={seed:q}"}, "output.name='{seed:q}': cannot format {seed} as 'q'"},
      {{"output.name=a/b"}, "output.name='a/b': a name of a file cannot hold /"},
      {{"output.name={negative_prompt}"}, "output.name='{negative_prompt}': the name is empty"},
      {{"output.name={prompt:_<252}"}, "has 256 bytes, expected at most 255"},
      {{"output.name=run.log", "output.format=frames"},
       "output.name: run.log: is where the run writes its own files"},
      {{"output.name=conf", "output.format=frames", "hydra.output_subdir=conf"},
       "output.name: conf: is where the run writes its own files"},
      {{"output.format=[mp4,mp4]"}, "output.format[1]: is in the list already"},
      {{"output.format=[]"}, "output.format=[]: expected one value or more"},
      {{"output.format=[mp4,png]"}, "output.format=png: holds one picture"},
      {{"-m", "seed=1,2", "hydra.sweep.dir=all", "output.name={x}"}, "unknown field {x}"},
  }));
  const auto run = chitu(tiny_run(words), folder.path());
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK(is_one_line(run.err));
  CHECK_THAT(run.err, ContainsSubstring(expected));
  CHECK(names_in(folder.path()).empty());
}

TEST_CASE("a folder with the name of a file of the run is refused", "[e2e]") {
  const TemporaryFolder folder;
  const auto [name, words] =
      GENERATE(table<std::string, Words>({{"video.mp4", {}},
                                          {"metrics.json", {}},
                                          {"run.log", {}},
                                          {"contact_sheet.png", {"output.contact_sheet=true"}},
                                          {"trace.json", {"--profile"}},
                                          {".hydra/config.yaml", {}}}));
  fs::create_directories(folder / "run" / name);
  const auto run = chitu(tiny_run(words), folder.path());
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK(is_one_line(run.err));
  CHECK_THAT(run.err, ContainsSubstring("hydra.run.dir: " + (folder / "run" / name).string()));
  CHECK(names_in(folder / "run") == std::set<std::string>{name.substr(0, name.find('/'))});
}

TEST_CASE("a dump may lie in the folder of the run, which does not exist yet", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = chitu(tiny_run({"debug.dump_tensors=${hydra:runtime.output_dir}/t.safetensors"}),
                         folder.path());
  INFO(run.err);
  CHECK(run.exit_code == 0);
  CHECK(fs::exists(folder / "run/t.safetensors"));
}

TEST_CASE("a side output that fails late does not affect the media", "[e2e]") {
  const TemporaryFolder folder;
  // Files end at 24 KiB: enough for the video, too little for the tensors and the trace.
  const auto [words, key] = GENERATE(
      table<Words, std::string>({{{"debug.dump_tensors=t.safetensors"}, "debug.dump_tensors: "},
                                 {{"--profile"}, "debug.profile: "}}));
  auto all = tiny_run(words);
  all.insert(all.end(), {"infer.diffusion.low_mem_level=3", "num_inference_steps=40"});
  const auto run = in_shell("ulimit -f 24;", all, "", folder.path());
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK(is_one_line(run.err));
  CHECK_THAT(run.err, Catch::StartsWith("error: " + key) &&
                          ContainsSubstring("cannot write: File too large") &&
                          ContainsSubstring("the media are saved in "));
  CHECK(run.out == (folder / "run/video.mp4").string() + "\n");
  CHECK(fs::file_size(folder / "run/video.mp4") > 0);
  CHECK(metrics_of(folder / "run").at("status") == "incomplete");
  CHECK_THAT(metrics_of(folder / "run").at("problems").at(0).get<std::string>(),
             ContainsSubstring(key));
}

TEST_CASE("one frame as mp4 or gif is a video of one frame", "[e2e]") {
  const TemporaryFolder folder;
  const auto [format, name, magic] =
      GENERATE(table<std::string, std::string, std::string>({{"mp4", "video.mp4", "ftyp"},
                                                             {"gif", "video.gif", "GIF8"},
                                                             {"png", "image.png", "PNG"},
                                                             {"frames", "frames", ""}}));
  const auto run = chitu(tiny_run({"num_frames=1", "output.format=" + format}), folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(run.out == (folder / "run" / name).string() + "\n");
  if (!magic.empty())
    CHECK_THAT(read_file(folder / "run" / name).substr(0, 8), ContainsSubstring(magic));
}

TEST_CASE("a second run in a folder replaces the files of the first, and nothing else", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(chitu(tiny_run({"output.contact_sheet=true", "output.format=frames"}), folder.path())
              .exit_code == 0);
  write_file(folder / "run/frames/mine.txt", "x");
  write_file(folder / "run/image.png", "a picture of the user's");
  REQUIRE(chitu(tiny_run({}), folder.path()).exit_code == 0);
  CHECK(names_in(folder / "run") == std::set<std::string>{".hydra", "frames", "image.png",
                                                          "metrics.json", "run.log", "video.mp4"});
  CHECK(names_in(folder / "run/frames") == std::set<std::string>{"mine.txt"});

  // A video that the user has changed belongs to the user.
  write_file(folder / "run/video.mp4", "another");
  REQUIRE(chitu(tiny_run({"output.format=gif"}), folder.path()).exit_code == 0);
  CHECK(read_file(folder / "run/video.mp4") == "another");
  CHECK(fs::exists(folder / "run/video.gif"));
}

TEST_CASE("files of an earlier run that a later one does not write go with its media", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(chitu(tiny_run({"--profile"}), folder.path()).exit_code == 0);
  REQUIRE(fs::exists(folder / "run/operators.txt"));
  write_file(folder / "run/memory.svg", "a picture of the user's");

  SECTION("all that the run can write, unless it changed since") {
    REQUIRE(
        chitu(tiny_run({"hydra.output_subdir=null", "hydra/job_logging=disabled"}), folder.path())
            .exit_code == 0);
    CHECK(names_in(folder / "run") ==
          std::set<std::string>{"memory.svg", "metrics.json", "video.mp4"});
  }
  SECTION("also when a run between them failed") {
    REQUIRE(chitu(tiny_run({"device=sim", "device.capacity=400KiB"}), folder.path()).exit_code ==
            3);
    CHECK(fs::exists(folder / "run/operators.txt"));
    REQUIRE(chitu(tiny_run({}), folder.path()).exit_code == 0);
    CHECK(names_in(folder / "run") ==
          std::set<std::string>{".hydra", "memory.svg", "metrics.json", "run.log", "video.mp4"});
  }
}

TEST_CASE("a run with a cache draws its decisions, and a later run without one removes that",
          "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(chitu(tiny_run({"request.flexcache=blockdance", "request.flexcache_params.boundary=1",
                          "num_inference_steps=6"}),
                folder.path())
              .exit_code == 0);
  CHECK_THAT(read_file(folder / "run/flexcache.svg"),
             ContainsSubstring("blockdance: 4 of 6 steps and 2 in part"));
  CHECK_THAT(read_file(folder / "run/run.log"), ContainsSubstring("4 of 6 steps and 2 in part"));
  REQUIRE(chitu(tiny_run({}), folder.path()).exit_code == 0);
  CHECK_FALSE(fs::exists(folder / "run/flexcache.svg"));
}

TEST_CASE("a failed second run leaves the folder as the first made it", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(chitu(tiny_run({}), folder.path()).exit_code == 0);
  const auto metrics = read_file(folder / "run/metrics.json");
  const auto config = read_file(folder / "run/.hydra/config.yaml");
  const auto video = read_file(folder / "run/video.mp4");
  const auto run =
      in_shell("ulimit -f 8;", tiny_run({"seed=7", "output.format=gif", "width=256", "height=256"}),
               "", folder.path());
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK(read_file(folder / "run/metrics.json") == metrics);
  CHECK(read_file(folder / "run/.hydra/config.yaml") == config);
  CHECK(read_file(folder / "run/video.mp4") == video);
  CHECK_FALSE(fs::exists(folder / "run/video.gif"));
}

TEST_CASE("a signal ends a run with its own exit code, and keeps metrics and earlier media",
          "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(chitu(tiny_run({}), folder.path()).exit_code == 0);
  const auto [signal, code] =
      GENERATE(table<int, int>({{SIGINT, 130}, {SIGTERM, 143}, {SIGHUP, 129}}));
  auto words = tiny_run({"num_inference_steps=1000", "output.format=gif"});
  words.insert(words.begin(), chitu_command());
  Process process(words, folder.path());
  const fs::path log = folder / "run/run.log";
  while (read_file(log).find("stage denoise begins") == std::string::npos ||
         metrics_of(folder / "run").at("status") != "running")
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  process.send(signal);
  const auto run = process.finish();
  INFO(run.err);
  CHECK(run.exit_code == code);
  CHECK(is_one_line(run.err));
  std::string command = chitu_command();
  for (const std::string& word : tiny_run({"num_inference_steps=1000", "output.format=gif"}))
    command += " " + word;
  CHECK_THAT(run.err, Catch::EndsWith("; to repeat it: " + command + "\n"));
  CHECK(metrics_of(folder / "run").at("status") == "interrupted");
  CHECK(fs::exists(folder / "run/video.mp4"));

  // The media of the first run are still recorded, and are removed when others replace them.
  REQUIRE(chitu(tiny_run({"output.format=gif"}), folder.path()).exit_code == 0);
  CHECK_FALSE(fs::exists(folder / "run/video.mp4"));
  CHECK(fs::exists(folder / "run/video.gif"));
}

TEST_CASE("a signal that is none of a run's does not keep later ones from ending it", "[e2e]") {
  const TemporaryFolder folder;
  auto words = tiny_run({"num_inference_steps=1000"});
  words.insert(words.begin(), chitu_command());
  Process process(words, folder.path());
  CHECK(begins_to_denoise(folder / "run"));
  process.send(SIGUSR1);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  process.send(SIGTERM);
  const auto run = process.finish();
  CHECK(run.exit_code == 143);
  CHECK(metrics_of(folder / "run").at("status") == "interrupted");
}

TEST_CASE("a path of the user's that is one of the run's own files is refused before any work",
          "[e2e]") {
  const TemporaryFolder folder;
  const auto [key, name] =
      GENERATE(table<std::string, std::string>({{"infer.prompt_cache", "video.mp4"},
                                                {"infer.prompt_cache", "run.log"},
                                                {"infer.prompt_cache", "latents.safetensors"},
                                                {"debug.dump_tensors", "latents.safetensors"}}));
  const auto run = chitu(tiny_run({key + "=run/" + name}), folder.path());
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err,
             ContainsSubstring(key + "=run/" + name + ": is where the run writes its " + name));
  CHECK(is_one_line(run.err));
  CHECK_FALSE(fs::exists(folder / "run"));
}

TEST_CASE("half-written files of a killed run are removed by the next run", "[e2e]") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "run/.chitu-tmp-1-0");
  write_file(folder / "run/.chitu-tmp-1-0/frame_0000.png", "x");
  write_file(folder / "run/.chitu-tmp-1-1.mp4", "x");
  fs::create_directories(folder / "run/.hydra");
  write_file(folder / "run/.hydra/.chitu-tmp-1-2.yaml", "x");
  REQUIRE(chitu(tiny_run({}), folder.path()).exit_code == 0);
  CHECK(names_in(folder / "run") ==
        std::set<std::string>{".hydra", "metrics.json", "run.log", "video.mp4"});
  CHECK(names_in(folder / "run/.hydra") ==
        std::set<std::string>{"config.yaml", "hydra.yaml", "overrides.yaml"});
}

TEST_CASE("lost output is reported in one line, with exit code 1", "[e2e]") {
  const TemporaryFolder folder;
  const std::string model = tiny_model().string();
  const auto words =
      GENERATE_COPY(Words{"--help"}, Words{"--version"}, Words{"config"}, Words{"config", "--help"},
                    Words{"run", "--help"}, Words{"plan", "--help"}, Words{"calibrate", "--help"},
                    Words{"-sc", "install=bash"}, Words{"info"}, Words{"graph", of_tiny_model()},
                    Words{"plan", of_tiny_model(), "width=32", "height=32", "num_frames=5"},
                    Words{"plan", of_tiny_model(), "--placement"},
                    Words{"tokenize", "--ckpt-dir", model}, tiny_run({}));
  const auto [target, reason] = GENERATE(table<std::string, std::string>(
      {{">/dev/full", "No space left on device"}, {">&-", "Bad file descriptor"}}));
  const auto run = in_shell("echo '[]' |", words, target, folder.path());
  INFO(run.err);
  CHECK(run.exit_code == 1);
  CHECK(run.err == "error: standard output: cannot write: " + reason + "\n");
  if (words.front() == "run" && words.back() != "--help")
    CHECK(metrics_of(folder / "run").at("status") == "done");
}

TEST_CASE("lost output of a sweep's jobs is reported, too", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = in_shell("", tiny_run({"-m", "seed=1,2", "hydra.sweep.dir=all"}), ">/dev/full",
                            folder.path());
  CHECK(run.exit_code == 1);
  CHECK_THAT(run.err, ContainsSubstring("2 jobs: 2 done") &&
                          ContainsSubstring("error: standard output: cannot write: No space left"));
}

TEST_CASE("a reader that stops early is not an error", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = in_shell("set -o pipefail;", {"config"}, "| true", folder.path());
  CHECK(run.err.empty());
  CHECK((run.exit_code == 0 || run.exit_code == 128 + SIGPIPE));
}

TEST_CASE("running out of memory is reported in one line", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = chitu(tiny_run({"device=sim", "device.capacity=400KiB"}), folder.path());
  CHECK(run.exit_code == 3);
  INFO(run.err);
  CHECK(is_one_line(run.err));
}

TEST_CASE("calibrate checks its output file before it measures", "[e2e]") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "folder");
  const auto [words, expected] = GENERATE(table<Words, std::string>(
      {{{"folder", "--force"}, "chitu calibrate folder: is a folder, expected a file"},
       {{"none/x.yaml"}, "no such folder"},
       {{"x.yaml", "--disk", "none"}, "--disk none: no such folder"}}));
  Words all{"calibrate"};
  all.insert(all.end(), words.begin(), words.end());
  const auto run = chitu(all, folder.path());
  CHECK(run.exit_code == 2);
  CHECK(is_one_line(run.err));
  CHECK_THAT(run.err, ContainsSubstring(expected));
  CHECK(names_in(folder.path()) == std::set<std::string>{"folder"});
}

}  // namespace
}  // namespace chitu::testing
