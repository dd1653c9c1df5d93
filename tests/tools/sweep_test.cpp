#include <signal.h>

#include <chrono>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;
using Words = std::vector<std::string>;

Words sweep(const Words& more) {
  Words words{"run",
              "--multirun",
              "--prompt",
              "a red circle, moving right",
              "device=cpu",
              of_tiny_model(),
              "width=32",
              "height=32",
              "num_frames=5",
              "num_inference_steps=2",
              "output.format=frames",
              "hydra.sweep.dir=all"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string first_frame(const fs::path& job) { return read_file(job / "frames/frame_0000.png"); }

TEST_CASE("infer.threads of a job does not affect the next", "[e2e]") {
  const TemporaryFolder folder;
  const auto threads = [&](const char* job) {
    const auto metrics = nlohmann::json::parse(read_file(folder / "all" / job / "metrics.json"));
    return metrics.at("threads").get<int>();
  };
  const auto run = chitu(sweep({"infer.threads=3,null,1,null"}), folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(threads("0") == 3);
  CHECK(threads("2") == 1);
  REQUIRE(chitu(sweep({"hydra.sweep.dir=alone", "seed=0"}), folder.path()).exit_code == 0);
  const auto alone = nlohmann::json::parse(read_file(folder / "alone/0/metrics.json"));
  CHECK(alone.at("threads") == threads("1"));
  CHECK(threads("3") == threads("1"));
}

TEST_CASE("a sweep runs a job for every combination, the last key fastest", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = chitu(sweep({"seed=1,2", "infer.diffusion.low_mem_level=0,1"}), folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const fs::path all = folder / "all";
  CHECK_THAT(read_file(all / "multirun.yaml"),
             ContainsSubstring("mode: MULTIRUN") || ContainsSubstring("low_mem_level=0,1"));
  CHECK_THAT(read_file(all / "1/.hydra/overrides.yaml"),
             ContainsSubstring("request.seed=1") && ContainsSubstring("low_mem_level=1"));
  CHECK_THAT(read_file(all / "2/.hydra/hydra.yaml"),
             ContainsSubstring("num: 2") &&
                 ContainsSubstring("output_dir: " + (all / "2").string()) &&
                 ContainsSubstring("mode: MULTIRUN"));
  CHECK(first_frame(all / "0") == first_frame(all / "1"));
  CHECK(first_frame(all / "0") != first_frame(all / "2"));
  CHECK_THAT(run.err, ContainsSubstring("4 jobs: 4 done; " + all.string()));
  std::string frames;
  for (const char* job : {"0", "1", "2", "3"}) frames += (all / job / "frames").string() + "\n";
  CHECK(run.out == frames);
}

TEST_CASE("jobs in parallel give the results of jobs in order", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(chitu(sweep({"seed=1,2,3"}), folder.path()).exit_code == 0);
  const auto run = chitu(sweep({"seed=1,2,3", "hydra.sweep.dir=side", "hydra/launcher=process",
                                "hydra.launcher.n_jobs=2"}),
                         folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  for (const char* job : {"0", "1", "2"})
    CHECK(first_frame(folder / "all" / job) == first_frame(folder / "side" / job));
}

TEST_CASE("a sweep with a job that cannot run does not start", "[e2e]") {
  const TemporaryFolder folder;
  for (const Words& more : {Words{"seed=1,x"}, Words{"seed=1,x", "hydra/launcher=process"}}) {
    const auto run = chitu(sweep(more), folder.path());
    CHECK(run.exit_code == 2);
    CHECK_THAT(run.err, ContainsSubstring("job #1: ") && ContainsSubstring("request.seed"));
    CHECK(fs::is_empty(folder.path()));
  }
  CHECK_THAT(chitu(sweep({"width=16,63"}), folder.path()).err, ContainsSubstring("multiple of 16"));
  CHECK_THAT(chitu(sweep({"seed=1,2", "hydra.sweep.subdir=x"}), folder.path()).err,
             ContainsSubstring("would share a folder"));
  const auto shared = chitu(sweep({"seed=1,2", "debug.dump_tensors=x.safetensors"}), folder.path());
  CHECK(shared.exit_code == 2);
  CHECK_THAT(shared.err,
             ContainsSubstring("debug.dump_tensors: jobs #0: request.seed=1 and #1: request.seed=2 "
                               "would both write " +
                               (fs::canonical(folder.path()) / "x.safetensors").string()));
  CHECK(fs::is_empty(folder.path()));
  CHECK_THAT(chitu(sweep({"seed=1,2", "debug.dump_tensors="}), folder.path()).err,
             Catch::StartsWith("error: job #0: request.seed=1: debug.dump_tensors=: expected a "));
  fs::create_directory(folder / "a");
  fs::create_symlink("a", folder / "b");
  CHECK_THAT(chitu(sweep({"debug.dump_tensors=a/x,b/x"}), folder.path()).err,
             ContainsSubstring("would both write "));
  fs::remove(folder / "b");
  fs::remove(folder / "a");
  CHECK_THAT(chitu(sweep({"seed=1,2", "hydra.launcher._target_=joblib"}), folder.path()).err,
             ContainsSubstring("hydra/launcher=process"));
  CHECK_THAT(chitu(sweep({"+hydra.callbacks.a._target_=b"}), folder.path()).err,
             ContainsSubstring("hydra.callbacks.a: callbacks are Python classes"));
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("a failed job does not stop the others", "[e2e]") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "all");
  write_file(folder / "all/job_2", "a file where the job's folder would be");
  const auto run =
      chitu(sweep({"seed=1,2,3", "hydra.sweep.subdir=job_${request.seed}"}), folder.path());
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, ContainsSubstring("3 jobs: 2 done, 1 failed"));
  CHECK(fs::exists(folder / "all/job_3/metrics.json"));
}

TEST_CASE("a resumed sweep continues where it stopped", "[e2e]") {
  const TemporaryFolder folder;
  CHECK(chitu(sweep({"seed=1,2", "hydra.sweep.resume=true"}), folder.path()).exit_code == 0);
  const auto before = fs::last_write_time(folder / "all/0/metrics.json");
  // The second job of the same folder is unfinished; a third is new.
  fs::remove_all(folder / "all/1/frames");
  const auto run = chitu(sweep({"seed=1,2,3", "hydra.sweep.resume=true"}), folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(fs::last_write_time(folder / "all/0/metrics.json") == before);
  CHECK_THAT(run.err, ContainsSubstring("3 jobs: 2 done, 1 done before"));
  CHECK(fs::exists(folder / "all/2/metrics.json"));
  // Another configuration in the same folder is another job.
  const auto other = chitu(sweep({"seed=1,7", "hydra.sweep.resume=true"}), folder.path());
  CHECK_THAT(other.err, ContainsSubstring("2 jobs: 1 done, 1 done before"));

  auto words = sweep({"seed=1,2", "hydra.sweep.resume=true"});
  std::erase(words, "hydra.sweep.dir=all");
  CHECK_THAT(chitu(words, folder.path()).err, ContainsSubstring("hydra.sweep.dir=FOLDER"));
}

TEST_CASE("a job whose media were damaged is run again", "[e2e]") {
  const TemporaryFolder folder;
  const auto resume = [&] {
    return chitu(sweep({"seed=1,2", "hydra.sweep.resume=true"}), folder.path());
  };
  REQUIRE(resume().exit_code == 0);
  const fs::path picture = folder / "all/1/frames/frame_0002.png";
  const std::string whole = read_file(picture);
  std::string other = whole;
  other.back() ^= 1;
  const auto damage = GENERATE_COPY(std::string(), whole.substr(0, 9), other);
  write_file(picture, damage);
  const auto run = resume();
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.err, ContainsSubstring("2 jobs: 1 done, 1 done before"));
  CHECK(read_file(picture) == whole);
  CHECK_THAT(resume().err, ContainsSubstring("2 jobs: 2 done before"));
}

TEST_CASE("an interrupt stops the sweep and says how to continue", "[e2e]") {
  for (const char* launcher : {"basic", "process"}) {
    const TemporaryFolder folder;
    auto words = sweep({"seed=1,2,3", "num_inference_steps=1000", "width=256", "height=256",
                        "hydra/launcher=" + std::string(launcher)});
    words.insert(words.begin(), chitu_command());
    Process process(words, folder.path());
    while (!fs::exists(folder / "all/0/run.log"))
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    process.send(SIGTERM);
    const auto run = process.finish();
    INFO(run.err);
    CHECK(run.exit_code == 143);
    CHECK_THAT(run.err, ContainsSubstring("interrupted") && ContainsSubstring("not started"));
    CHECK_THAT(run.err, ContainsSubstring("hydra.sweep.dir=all hydra.sweep.resume=true"));
  }
}

TEST_CASE("an interrupt as a job ends stops the sweep, too", "[e2e]") {
  const TemporaryFolder folder;
  auto words = sweep({"seed=range(0,40)"});
  words.insert(words.begin(), chitu_command());
  Process process(words, folder.path());
  // The media are written after a job's last check for an interrupt.
  while (!fs::exists(folder / "all/0/frames"))
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  process.send(SIGTERM);
  const auto run = process.finish();
  INFO(run.err);
  CHECK(run.exit_code == 143);
  CHECK_THAT(run.err, ContainsSubstring("not started"));
}

/// The ids of the child processes of a process.
std::vector<std::string> children_of(int process) {
  const std::string id = std::to_string(process);
  std::istringstream ids(read_file("/proc/" + id + "/task/" + id + "/children"));
  return {std::istream_iterator<std::string>(ids), {}};
}

/// A process that has ended, whether or not it was waited for.
bool has_ended(const std::string& process) {
  try {
    const std::string stat = read_file("/proc/" + process + "/stat");
    return stat.substr(stat.rfind(')') + 2, 1) == "Z";
  } catch (const InputError&) {
    return true;
  }
}

void wait_for(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST_CASE("jobs end with their sweep, and no second one writes beside them", "[e2e]") {
  const TemporaryFolder folder;
  auto words = sweep({"seed=1,2,3", "num_inference_steps=1000", "width=256", "height=256",
                      "hydra/launcher=process", "hydra.launcher.n_jobs=2"});
  words.insert(words.begin(), chitu_command());
  Process process(words, folder.path());
  wait_for([&] { return fs::exists(folder / "all/1/run.log"); });

  const auto beside = chitu(sweep({"seed=1,2,3", "hydra.sweep.resume=true"}), folder.path());
  CHECK(beside.exit_code == 2);
  CHECK(beside.err == "error: " + (folder / "all").string() + ": process " +
                          std::to_string(process.id()) +
                          " is writing there; wait for it to end or choose another folder\n");
  auto one = sweep({"seed=1", "hydra.run.dir=all/0"});
  std::erase(one, "--multirun");
  const auto run = chitu(one, folder.path());
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err,
             ContainsSubstring("all/0: process ") && ContainsSubstring("is writing there"));

  const auto workers = children_of(process.id());
  REQUIRE(workers.size() == 2);
  process.send(SIGKILL);
  process.finish();
  for (const std::string& worker : workers) wait_for([&] { return has_ended(worker); });
  CHECK(chitu(sweep({"seed=1,2", "hydra.sweep.resume=true"}), folder.path()).exit_code == 0);
}

TEST_CASE("the seconds of a job count from its own start", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(chitu(sweep({"seed=1,2"}), folder.path()).exit_code == 0);
  const auto metrics_of = [&](const char* job) {
    return nlohmann::json::parse(read_file(folder / "all" / job / "metrics.json"));
  };
  const double first = metrics_of("0")["seconds"]["since_process_start"];
  CHECK(metrics_of("1")["stages"][0]["begin_s"].get<double>() < first);
}

TEST_CASE("all of a sweep's thousands of jobs are checked before the first starts", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = chitu(sweep({"seed=range(1,1000)", "num_frames=5,6"}), folder.path());
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, ContainsSubstring("job #999: request.seed=1: request.num_frames=6: "));
  CHECK(fs::is_empty(folder.path()));
  const auto shared = chitu(sweep({"seed=range(0,5000)", "fps=8,9,10,8",
                                   "hydra.sweep.subdir=${request.seed}_${request.fps}"}),
                            folder.path());
  CHECK(shared.exit_code == 2);
  CHECK_THAT(shared.err, ContainsSubstring("jobs #0: request.seed=0 request.fps=8 and #3: ") &&
                             ContainsSubstring("would share a folder"));
}

TEST_CASE("hydra.mode, hydra.job.chdir and the environment work in a sweep", "[e2e]") {
  const TemporaryFolder folder;
  auto words = sweep({"seed=1,2", "hydra.mode=MULTIRUN", "hydra.job.chdir=true",
                      "+hydra.job.env_set.CHITU_TEST_NAME=tensors",
                      "debug.dump_tensors=${oc.env:CHITU_TEST_NAME}_${hydra:job.num}.safetensors"});
  std::erase(words, "--multirun");
  const auto run = chitu(words, folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(fs::exists(folder / "all/0/tensors_0.safetensors"));
  CHECK(fs::exists(folder / "all/1/tensors_1.safetensors"));
}

}  // namespace
}  // namespace chitu::testing
