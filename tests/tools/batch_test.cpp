#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "chitu_core/common/files.h"
#include "chitu_core/common/folder_lock.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;
using nlohmann::json;
using Words = std::vector<std::string>;

Words batch(const std::string& list, const Words& more = {}) {
  Words words{"batch",
              list,
              "device=cpu",
              of_tiny_model(),
              "width=32",
              "height=32",
              "num_frames=5",
              "num_inference_steps=2",
              "output.format=frames"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// A folder with a list of six jobs.
struct Jobs {
  Jobs() { write("jobs.yaml", "matrix: {prompt: [a red circle, a dog], seed: [1, 2, 3]}\n"); }

  void write(const std::string& name, const std::string& text) const {
    write_file(folder / name, text);
  }
  Finished run(const Words& more = {}, const std::string& list = "jobs.yaml") const {
    return chitu(batch(list, more), folder.path());
  }
  json summary(const std::string& at = "batch/jobs") const {
    return json::parse(read_file(folder / at / "summary.json"));
  }
  /// How often the journal says of each job that it is done.
  std::map<int, int> made(const std::string& at = "batch/jobs") const {
    std::map<int, int> times;
    std::istringstream text(read_file(folder / at / "journal.jsonl"));
    for (std::string line; std::getline(text, line);)
      if (const json entry = json::parse(line); entry.value("state", "") == "done")
        ++times[entry.at("job").get<int>()];
    return times;
  }
  /// The files of all media, by name.
  std::map<std::string, std::string> media(const std::string& at = "batch/jobs") const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder / at))
      if (entry.is_regular_file() && entry.path().extension() == ".png")
        files[fs::relative(entry.path(), folder / at).string()] = read_file(entry.path());
    return files;
  }

  TemporaryFolder folder;
};

const std::map<int, int> kEachOnce{{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}};

TEST_CASE("a batch makes what single runs make", "[e2e]") {
  const Jobs jobs;
  const auto run = jobs.run();
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK_THAT(run.out, ContainsSubstring("6 jobs: 6 done"));
  CHECK(jobs.media().size() == 6 * 5);
  Words single = batch("run", {"prompt=a dog", "seed=2", "hydra.run.dir=single"});
  single.erase(single.begin());
  REQUIRE(chitu(single, jobs.folder.path()).exit_code == 0);
  for (int frame = 0; frame < 5; ++frame) {
    const std::string name = "frame_000" + std::to_string(frame) + ".png";
    CHECK(read_file(jobs.folder / "single/frames" / name) ==
          read_file(jobs.folder / "batch/jobs/0004" / name));
  }
  CHECK_FALSE(fs::exists(jobs.folder / "batch/jobs/spill"));
}

TEST_CASE("the summary has prompt, file, seconds and peak of every job", "[e2e]") {
  const Jobs jobs;
  const auto run = jobs.run({"--format", "json"});
  REQUIRE(run.exit_code == 0);
  const json summary = jobs.summary();
  CHECK(json::parse(run.out) == summary);
  REQUIRE(summary.at("jobs").size() == 6);
  for (const json& job : summary.at("jobs")) {
    CHECK(job.at("status") == "done");
    CHECK(job.at("seconds") > 0);
    CHECK(job.at("peak_host_bytes") > 0);
    CHECK(fs::is_directory(jobs.folder / "batch/jobs" / job.at("files").at(0)));
  }
  CHECK(summary.at("jobs").at(3).at("prompt") == "a dog");
  const std::string csv = read_file(jobs.folder / "batch/jobs/summary.csv");
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 7);
}

TEST_CASE("each window loads each component once, whatever the level", "[e2e]") {
  for (const char* level : {"0", "3"}) {
    const Jobs jobs;
    const auto run =
        jobs.run({"batch.window=3", std::string("infer.diffusion.low_mem_level=") + level});
    INFO(run.err);
    REQUIRE(run.exit_code == 0);
    const json windows = jobs.summary().at("windows");
    REQUIRE(windows.size() == 2);
    for (const json& window : windows)
      for (const auto& [component, loads] : window.at("loads").items()) {
        CAPTURE(level, component);
        CHECK(loads <= 1);
      }
    const json& first = windows.at(0).at("loads");
    for (const char* component : {"text_encoder", "transformer", "vae"})
      CHECK(first.at(component) == 1);
  }
}

TEST_CASE("repeating a batch makes nothing twice", "[e2e]") {
  const Jobs jobs;
  REQUIRE(jobs.run().exit_code == 0);
  const auto before = fs::last_write_time(jobs.folder / "batch/jobs/0000");
  const auto run = jobs.run();
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.out, ContainsSubstring("6 jobs: 6 done"));
  CHECK(fs::last_write_time(jobs.folder / "batch/jobs/0000") == before);
  CHECK(jobs.made() == kEachOnce);
}

TEST_CASE("a job whose file changed is made again, and no other", "[e2e]") {
  const Jobs jobs;
  REQUIRE(jobs.run().exit_code == 0);
  const auto whole = jobs.media();
  write_file(jobs.folder / "batch/jobs/0002/frame_0001.png", "x");
  fs::remove_all(jobs.folder / "batch/jobs/0004");
  REQUIRE(jobs.run().exit_code == 0);
  CHECK(jobs.media() == whole);
  CHECK(jobs.made() == std::map<int, int>{{0, 1}, {1, 1}, {2, 2}, {3, 1}, {4, 2}, {5, 1}});
}

TEST_CASE("a longer list goes on with the folder", "[e2e]") {
  const Jobs jobs;
  jobs.write("jobs.yaml", "[a red circle, a dog]");
  REQUIRE(jobs.run().exit_code == 0);
  jobs.write("jobs.yaml", "[a red circle, a dog, a cat]");
  REQUIRE(jobs.run().exit_code == 0);
  CHECK(jobs.made() == std::map<int, int>{{0, 1}, {1, 1}, {2, 1}});
}

TEST_CASE("a batch may go on at another level, but not with another list or dtype", "[e2e]") {
  const Jobs jobs;
  REQUIRE(jobs.run().exit_code == 0);
  CHECK(jobs.run({"infer.diffusion.low_mem_level=2"}).exit_code == 0);
  CHECK(jobs.made() == kEachOnce);
  const auto refused = [&](const Words& more, const std::string& expected) {
    const auto run = jobs.run(more);
    CHECK(run.exit_code == 2);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK_THAT(run.err, ContainsSubstring(expected));
  };
  refused({"infer.dtype=bfloat16"}, "journal.jsonl:1: the batch was begun with infer.dtype=auto");
  refused({"model.scheduler=FlowMatchEulerDiscreteScheduler"},
          "journal.jsonl:1: the batch was begun with model.scheduler=null");
  refused({"request.fps=9"},
          "jobs.jsonl:1: job 0 (jobs.yaml:1 (prompt=a red circle, seed=1)) was "
          "begun with fps=");
  CHECK(jobs.made() == kEachOnce);
}

std::size_t lines_of(const fs::path& file) {
  if (!fs::exists(file)) return 0;
  const std::string text = read_file(file);
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Starts the batch and sends a signal once its journal has so many lines. Returns what it left;
/// a batch that ends before stands as it is.
Finished signalled(const Jobs& jobs, std::size_t lines, int signal, const Words& more) {
  Words words = batch("jobs.yaml", more);
  words.insert(words.begin(), chitu_command());
  Process process(words, jobs.folder.path());
  const fs::path journal = jobs.folder / "batch/jobs/journal.jsonl";
  while (lines_of(journal) < lines && ::kill(process.id(), 0) == 0 &&
         !read_file("/proc/" + std::to_string(process.id()) + "/stat").ends_with(" Z"))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  process.send(signal);
  return process.finish();
}

TEST_CASE("a batch that is killed goes on: every output once, with the same bytes", "[e2e]") {
  const Jobs whole, killed;
  REQUIRE(whole.run().exit_code == 0);
  const Words more{"batch.window=3"};
  int kills = 0;
  for (const std::size_t lines : {1, 3, 6, 9})
    kills += signalled(killed, lines, SIGKILL, more).exit_code == 128 + SIGKILL;
  CHECK(kills >= 2);
  const auto run = killed.run(more);
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(killed.media() == whole.media());
  CHECK(killed.made() == kEachOnce);
  CHECK_FALSE(fs::exists(killed.folder / "batch/jobs/spill"));
}

TEST_CASE("latents that were kept are decoded, and not sampled again", "[e2e]") {
  const Jobs whole, killed;
  REQUIRE(whole.run().exit_code == 0);
  // The journal has a header and a line for each of the sampled jobs when it is killed.
  REQUIRE(signalled(killed, 7, SIGKILL, {}).exit_code == 128 + SIGKILL);
  const auto sampled = [&] {
    std::size_t count = 0;
    std::istringstream text(read_file(killed.folder / "batch/jobs/journal.jsonl"));
    for (std::string line; std::getline(text, line);)
      if (line.find("\"sampled\"") != std::string::npos && line.ends_with("}")) ++count;
    return count;
  };
  const std::size_t before = sampled();
  REQUIRE(before == 6);
  REQUIRE(killed.run().exit_code == 0);
  CHECK(sampled() == before);
  CHECK(killed.media() == whole.media());
  const json windows = killed.summary().at("windows");
  CHECK_FALSE(windows.back().at("loads").contains("transformer"));
}

TEST_CASE("Ctrl-C pauses a batch, and says how to go on", "[e2e]") {
  const Jobs jobs;
  const auto run = signalled(jobs, 2, SIGINT, {"batch.window=1"});
  INFO(run.err);
  CHECK(run.exit_code == 130);
  CHECK_THAT(run.err, ContainsSubstring("pausing at the next safe point") &&
                          ContainsSubstring("of 6 jobs are done in ") &&
                          ContainsSubstring("chitu batch jobs.yaml"));
  const auto made = jobs.made();
  CHECK(made.size() < 6);
  REQUIRE(jobs.run({"batch.window=1"}).exit_code == 0);
  CHECK(jobs.made() == kEachOnce);
}

TEST_CASE("one failed job does not stop the others, and is tried again on request", "[e2e]") {
  const Jobs jobs;
  jobs.write("jobs.yaml",
             "- a red circle\n- {prompt: a dog, seed: 2, output.name: own}\n- a cat\n");
  fs::create_directories(jobs.folder / "batch/jobs");
  const auto fails = [&](const Words& more = {}) {
    Words words{"/bin/sh", "-c", "exec \"$0\" \"$@\"", chitu_command()};
    for (const std::string& word : batch("jobs.yaml", more)) words.push_back(word);
    return Process(words, jobs.folder.path()).finish();
  };
  // A folder where the file of the second job would be appears once the batch has been checked.
  std::jthread blocker([&](std::stop_token stop) {
    const fs::path journal = jobs.folder / "batch/jobs/journal.jsonl";
    while (!stop.stop_requested() && lines_of(journal) < 1)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    write_file(jobs.folder / "batch/jobs/own", "a file where the folder of frames would be");
  });
  const auto run = fails();
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, ContainsSubstring("error: job 1 (jobs.yaml:2): ") &&
                          ContainsSubstring("error: 1 of 3 jobs failed; to try them again: ") &&
                          ContainsSubstring("--retry-failed"));
  CHECK_THAT(run.out, ContainsSubstring("3 jobs: 2 done, 1 failed"));
  CHECK(jobs.run().exit_code == 2);  // says so again
  CHECK(jobs.made().size() == 2);
  fs::remove(jobs.folder / "batch/jobs/own");
  const auto retried = jobs.run({"--retry-failed"});
  INFO(retried.err);
  CHECK(retried.exit_code == 0);
  CHECK(jobs.made() == std::map<int, int>{{0, 1}, {1, 1}, {2, 1}});
}

TEST_CASE("a job whose decoding failed keeps its latents, and the command that decodes them",
          "[e2e]") {
  const Jobs whole, blocked;
  whole.write("jobs.yaml", "[a red circle, {prompt: a dog, output.name: own}, a cat]");
  blocked.write("jobs.yaml", "[a red circle, {prompt: a dog, output.name: own}, a cat]");
  REQUIRE(whole.run().exit_code == 0);
  // The journal has a header and a line for each of the sampled jobs when it is killed.
  REQUIRE(signalled(blocked, 4, SIGKILL, {}).exit_code == 128 + SIGKILL);
  const fs::path at = blocked.folder / "batch/jobs/own";
  write_file(at, "a file where the folder of frames would be");
  const auto run = blocked.run();
  INFO(run.err);
  CHECK(run.exit_code == 2);
  const std::string command =
      "chitu decode " + (blocked.folder / "batch/jobs/spill/0001.latents.safetensors").string();
  CHECK_THAT(run.err, ContainsSubstring("own: is not a folder") &&
                          ContainsSubstring(" --retry-failed; the latents of 1 are kept, to "
                                            "decode them alone: " +
                                            command));
  CHECK(blocked.summary().at("jobs").at(1).at("latents") == "spill/0001.latents.safetensors");
  CHECK(blocked.summary().at("jobs").at(0).at("latents").is_null());

  const auto begin = run.err.rfind(command);
  const std::string line = run.err.substr(begin, run.err.find('\n', begin) - begin);
  const auto decoded =
      Process({"/bin/sh", "-c", "PATH=" CHITU_BIN_DIR ":$PATH; " + line + " hydra.run.dir=decoded"},
              blocked.folder.path())
          .finish();
  INFO(decoded.err);
  REQUIRE(decoded.exit_code == 0);
  const std::string frame = "own/frame_0001.png";
  CHECK(read_file(blocked.folder / "decoded" / frame) == whole.media().at(frame));

  fs::remove(at);
  CHECK(blocked.run({"--retry-failed"}).exit_code == 0);
  CHECK(blocked.media() == whole.media());
  CHECK_FALSE(blocked.summary().at("windows").back().at("loads").contains("transformer"));
}

TEST_CASE("--dry-run prints the expanded list and writes nothing", "[e2e]") {
  const Jobs jobs;
  const auto run = jobs.run({"--dry-run"});
  INFO(run.err);
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.out, ContainsSubstring("to do") && ContainsSubstring("seed 3  0005  a dog") &&
                          ContainsSubstring("6 of 6 jobs to do, in "));
  CHECK_FALSE(fs::exists(jobs.folder / "batch"));
}

TEST_CASE("--dry-run checks the folders of a batch", "[e2e]") {
  const Jobs jobs;
  write_file(jobs.folder / "file", "");
  const std::string key = GENERATE("batch.dir", "batch.spill_dir");
  const auto run = jobs.run({"--dry-run", key + "=file"});
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, Catch::StartsWith("error: " + key + "=") && ContainsSubstring("/file"));
}

TEST_CASE("bad lists get one line, and nothing is written", "[e2e]") {
  const Jobs jobs;
  const auto refused = [&](const std::string& text, const std::string& expected,
                           const Words& more = {}) {
    jobs.write("bad.yaml", text);
    Words words{"batch", "bad.yaml", "device=cpu", of_tiny_model()};
    words.insert(words.end(), more.begin(), more.end());
    const auto run = chitu(words, jobs.folder.path());
    INFO(run.err);
    CHECK(run.exit_code == 2);
    CHECK(run.out.empty());
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK_THAT(run.err, Catch::StartsWith("error: " + expected));
    CHECK_FALSE(fs::exists(jobs.folder / "batch"));
  };
  refused("- a\n- {prompt: b, sede: 1}\n", "bad.yaml:2: sede: unknown field, did you mean seed?");
  refused("- a\n- {prompt: b, seed: x}\n", "bad.yaml:2: request.seed: expected an integer");
  refused("- a\n- {prompt: b, width: 100}\n", "bad.yaml:2: request.width");
  refused("- a\n- {prompt: b, output.format: avi}\n", "bad.yaml:2: output.format: expected one of");
  refused("- a\n- {prompt: b, output.format: png}\n", "bad.yaml:2: output.format=png");
  refused("- {prompt: a, output.name: x}\n- {prompt: b, output.name: x}\n",
          "bad.yaml:2: output.name: x is also the name of the job at bad.yaml:1");
  refused("- {prompt: a, output.name: spill, output.format: frames}\n",
          "bad.yaml:1: output.name: spill is a name that");
  refused("- {prompt: a, overrides: [infer.dtype=float16]}\n",
          "bad.yaml:1: infer.dtype: holds for the whole batch");
  refused("- a\n", "batch.shard=3/2: expected i/n", {"batch.shard=3/2"});
  refused("- a\n", "debug.dump_tensors: a batch dumps no tensors", {"debug.dump_tensors=x"});
  refused("- a\n", "hydra.job.chdir=true: a batch changes to no", {"hydra.job.chdir=true"});
  refused("- a\n", "batch.window=0: expected at least 1", {"batch.window=0"});
  CHECK_THAT(jobs.run({}, "nosuch.yaml").err, ContainsSubstring("nosuch.yaml: "));
  CHECK_THAT(chitu({"batch"}, jobs.folder.path()).err,
             ContainsSubstring("expected a list of jobs, such as jobs.yaml, or -"));
  fs::create_directories(jobs.folder / "out");
  write_file(jobs.folder / "out/0000", "not of a batch");
  CHECK_THAT(jobs.run({"batch.dir=out"}).err, ContainsSubstring("exists, and no batch made it"));
}

TEST_CASE("two batches in one folder are refused", "[e2e]") {
  const Jobs jobs;
  fs::create_directories(jobs.folder / "batch/jobs");
  const FolderLock lock(jobs.folder / "batch/jobs");
  const auto run = jobs.run();
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, ContainsSubstring("is writing there"));
}

TEST_CASE("shards make the list together, and their summaries join", "[e2e]") {
  const Jobs whole, shards;
  REQUIRE(whole.run().exit_code == 0);
  REQUIRE(shards.run({"batch.shard=1/2"}).exit_code == 0);
  const auto incomplete = chitu({"batch", "--merge", "batch/jobs"}, shards.folder.path());
  CHECK(incomplete.exit_code == 1);
  CHECK_THAT(incomplete.err, ContainsSubstring("3 are in none of the folders"));
  REQUIRE(shards.run({"batch.shard=2/2"}).exit_code == 0);
  const auto merged = chitu({"batch", "--merge", "batch/jobs"}, shards.folder.path());
  INFO(merged.err);
  CHECK(merged.exit_code == 0);
  CHECK_THAT(merged.out, ContainsSubstring("6 jobs: 6 done"));
  const json summary = shards.summary();
  REQUIRE(summary.at("jobs").size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    const std::string folder = summary.at("jobs").at(i).at("files").at(0);
    CHECK(read_file(shards.folder / "batch/jobs" / folder / "frame_0000.png") ==
          read_file(whole.folder / "batch/jobs" / ("000" + std::to_string(i)) / "frame_0000.png"));
  }
}

TEST_CASE("lists come from standard input and in other formats", "[e2e]") {
  const Jobs jobs;
  const auto piped = chitu(batch("-", {"batch.dir=piped"}), jobs.folder.path(), "a dog\na cat\n");
  INFO(piped.err);
  REQUIRE(piped.exit_code == 0);
  jobs.write("jobs.csv", "prompt,seed\na dog,0\na cat,0\n");
  REQUIRE(jobs.run({"batch.dir=csv"}, "jobs.csv").exit_code == 0);
  CHECK(jobs.media("piped") == jobs.media("csv"));
  jobs.write("broken.csv", "prompt,seed\na dog,0\n\"a cat,0\n");
  CHECK_THAT(jobs.run({}, "broken.csv").err,
             Catch::StartsWith("error: broken.csv:3: a quoted field is not closed"));
  // The list that a batch keeps is a list itself.
  fs::copy_file(jobs.folder / "csv/jobs.jsonl", jobs.folder / "again.jsonl");
  REQUIRE(jobs.run({"batch.dir=again"}, "again.jsonl").exit_code == 0);
  CHECK(jobs.media("again") == jobs.media("csv"));
}

TEST_CASE("a full disk ends a batch with one line, and nothing that was done is lost", "[e2e]") {
  const Jobs whole, limited;
  const std::string list =
      "defaults: {width: 32, height: 32}\n"
      "jobs: [a red circle, {prompt: a dog, width: 256, height: 256}, a cat]\n";
  whole.write("jobs.yaml", list);
  limited.write("jobs.yaml", list);
  Words more = batch("jobs.yaml", {"batch.window=1"});
  std::erase(more, "width=32");
  std::erase(more, "height=32");
  Words in_full{chitu_command()};
  in_full.insert(in_full.end(), more.begin(), more.end());
  const auto run_whole = Process(in_full, whole.folder.path()).finish();
  INFO(run_whole.err);
  REQUIRE(run_whole.exit_code == 0);
  // A file that is larger than the limit cannot be written, as on a full disk: what waits between
  // the stages of the second job.
  Words words{"/bin/bash", "-c", "ulimit -f 160; exec \"$0\" \"$@\""};
  words.insert(words.end(), in_full.begin(), in_full.end());
  const auto run = Process(words, limited.folder.path()).finish();
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, ContainsSubstring("File too large") &&
                          ContainsSubstring("1 of 3 jobs are done in ") &&
                          ContainsSubstring("; to go on, repeat: "));
  CHECK(limited.made() == std::map<int, int>{{0, 1}});
  REQUIRE(Process(in_full, limited.folder.path()).finish().exit_code == 0);
  CHECK(limited.made() == std::map<int, int>{{0, 1}, {1, 1}, {2, 1}});
  CHECK(limited.media() == whole.media());
}

}  // namespace
}  // namespace chitu::testing
