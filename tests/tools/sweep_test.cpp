#include <signal.h>

#include <chrono>
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
  CHECK_THAT(run.out, ContainsSubstring("4 jobs: 4 done; " + all.string()));
}

TEST_CASE("jobs side by side give what jobs in order give", "[e2e]") {
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
  CHECK_THAT(run.out, ContainsSubstring("3 jobs: 2 done, 1 failed"));
  CHECK(fs::exists(folder / "all/job_3/metrics.json"));
}

TEST_CASE("an interrupted sweep goes on where it stopped", "[e2e]") {
  const TemporaryFolder folder;
  CHECK(chitu(sweep({"seed=1,2", "hydra.sweep.resume=true"}), folder.path()).exit_code == 0);
  const auto before = fs::last_write_time(folder / "all/0/metrics.json");
  // The second job of the same folder is unfinished; a third is new.
  fs::remove_all(folder / "all/1/frames");
  const auto run = chitu(sweep({"seed=1,2,3", "hydra.sweep.resume=true"}), folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(fs::last_write_time(folder / "all/0/metrics.json") == before);
  CHECK_THAT(run.out, ContainsSubstring("3 jobs: 2 done, 1 done before"));
  CHECK(fs::exists(folder / "all/2/metrics.json"));
  // Another configuration in the same folder is another job.
  const auto other = chitu(sweep({"seed=1,7", "hydra.sweep.resume=true"}), folder.path());
  CHECK_THAT(other.out, ContainsSubstring("2 jobs: 1 done, 1 done before"));

  auto words = sweep({"seed=1,2", "hydra.sweep.resume=true"});
  std::erase(words, "hydra.sweep.dir=all");
  CHECK_THAT(chitu(words, folder.path()).err, ContainsSubstring("hydra.sweep.dir=FOLDER"));
}

TEST_CASE("an interrupt stops the sweep and says how to go on", "[e2e]") {
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
    CHECK(run.exit_code == 130);
    CHECK_THAT(run.out, ContainsSubstring("interrupted") && ContainsSubstring("not started"));
    CHECK_THAT(run.err, ContainsSubstring("hydra.sweep.dir=all hydra.sweep.resume=true"));
  }
}

TEST_CASE("hydra.mode, hydra.job.chdir and the environment keep their meaning", "[e2e]") {
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
