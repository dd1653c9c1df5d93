#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "chitu_core/common/files.h"
#include "tests/ranks/rank_processes.h"
#include "tests/support/temporary_folder.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;

TEST_CASE("rank 0 alone writes and prints", "[e2e]") {
  if (skips_without_gloo()) return;
  const TemporaryFolder folder;
  const auto ranks =
      RankProcesses(2, parallel_run({"infer.diffusion.cp_size=2"}), folder.path()).finish();
  INFO(ranks[0].err << ranks[1].err);
  CHECK(ranks[0].exit_code == 0);
  CHECK(ranks[1].exit_code == 0);
  CHECK(ranks[0].out == (folder.path() / "run/video.mp4").string() + "\n");
  CHECK(ranks[1].out.empty());
  CHECK(ranks[0].err.empty());
  CHECK(ranks[1].err.empty());
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
  const auto metrics = nlohmann::json::parse(read_file(folder.path() / "run/metrics.json"));
  CHECK(metrics.at("parallel").at("ranks") == 2);
  CHECK(metrics.at("parallel").at("bytes_sent").at("context") > 0);
}

TEST_CASE("a plan has the traffic of rank 0 on the simulated device, to the byte", "[e2e]") {
  if (skips_without_gloo()) return;
  const std::string way =
      GENERATE("infer.diffusion.cp_backend=ulysses", "infer.diffusion.cp_backend=ring",
               "infer.diffusion.cp_backend=allgather");
  CAPTURE(way);
  const TemporaryFolder folder;
  Words words = tiny_run({"device=sim", "infer.diffusion.cp_size=2", way});
  const auto ranks = RankProcesses(2, words, folder.path()).finish();
  INFO(ranks[0].err);
  REQUIRE(ranks[0].exit_code == 0);
  const auto metrics = nlohmann::json::parse(read_file(folder.path() / "run/metrics.json"));
  words.front() = "plan";
  words.push_back("--json");
  const auto level = nlohmann::json::parse(chitu(words, folder.path()).out).at("levels")[0];
  std::size_t i = 0;
  for (const auto& stage : level.at("stages")) {
    INFO(stage.at("name"));
    for (const char* bytes : {"h2d_bytes", "d2h_bytes", "peak_device_bytes"})
      CHECK(metrics.at("stages")[i].at(bytes) == stage.at(bytes));
    ++i;
  }
}

TEST_CASE("several ranks of calibrate measure the link between them, for plans", "[e2e]") {
  if (skips_without_gloo()) return;
  const TemporaryFolder folder;
  fs::create_directories(folder / "device/interconnect");
  const std::string file = "device/interconnect/here.yaml";
  const auto ranks =
      RankProcesses(2, {"calibrate", file, "--device", "cpu"}, folder.path()).finish();
  INFO(ranks[0].err << ranks[1].err);
  REQUIRE(ranks[0].exit_code == 0);
  REQUIRE(ranks[1].exit_code == 0);
  CHECK(ranks[0].out == file + "\n");
  CHECK(ranks[1].out.empty());
  CHECK(ranks[1].err.empty());
  Words plan =
      tiny_run({"--config-dir", folder.path().string(), "device=cuda", "device/profile=rtx4090",
                "device/interconnect=here", "infer.diffusion.cp_size=2", "--json"});
  plan.front() = "plan";
  const auto report = nlohmann::json::parse(chitu(plan, folder.path()).out);
  const auto& link = report.at("profile").at("links").at("interconnect");
  CHECK(link.at("name") == "gloo between 2 ranks, as measured");
  CHECK(link.at("bandwidth") > 1e6);
  CHECK(link.at("latency_seconds") > 0);
  CHECK(report.at("levels")[0].at("least_time").at("step").at("exchange_seconds") > 0);
}

TEST_CASE("ranks that Open MPI or Slurm starts find each other", "[e2e]") {
  if (skips_without_gloo()) return;
  const bool slurm = GENERATE(false, true);
  const std::string port = "MASTER_PORT=" + std::to_string(free_port());
  const TemporaryFolder folder;
  std::deque<Process> processes;
  for (const std::string rank : {"0", "1"}) {
    Words all{"/usr/bin/env", port, "OMP_NUM_THREADS=1"};
    const Words of_slurm{"SLURM_PROCID=" + rank,  "SLURM_NTASKS=2",
                         "SLURM_LOCALID=" + rank, "SLURM_JOB_ID=7",
                         "SLURM_STEP_ID=0",       "SLURM_STEP_NODELIST=localhost"};
    const Words of_open_mpi{"OMPI_COMM_WORLD_RANK=" + rank, "OMPI_COMM_WORLD_SIZE=2",
                            "OMPI_COMM_WORLD_LOCAL_RANK=" + rank, "OMPI_COMM_WORLD_LOCAL_SIZE=2"};
    const Words& variables = slurm ? of_slurm : of_open_mpi;
    all.insert(all.end(), variables.begin(), variables.end());
    all.push_back(chitu_command());
    const Words words = parallel_run({"infer.diffusion.cfg_size=2"});
    all.insert(all.end(), words.begin(), words.end());
    processes.emplace_back(all, folder.path());
  }
  for (Process& process : processes) {
    const Finished end = process.finish();
    INFO(end.err);
    CHECK(end.exit_code == 0);
  }
  CHECK(fs::exists(folder.path() / "run/video.mp4"));
}

TEST_CASE("ranks with another configuration end with the same line", "[e2e]") {
  if (skips_without_gloo()) return;
  const TemporaryFolder folder;
  const auto ranks = RankProcesses(3, parallel_run({"infer.diffusion.cp_size=3", "seed=7"}),
                                   folder.path(), {"seed=8"})
                         .finish();
  const std::string line = "rank 2 differs from rank 0 in request.seed: 8, not 7\n";
  for (int rank = 0; rank < 3; ++rank) {
    const Finished& finished = ranks[static_cast<std::size_t>(rank)];
    CHECK(finished.exit_code == 2);
    CHECK(finished.err == "error: rank " + std::to_string(rank) + ": " + line);
  }
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("ranks with other instructions of the processor end with the same line", "[e2e]") {
  if (skips_without_gloo()) return;
  const TemporaryFolder folder;
  const Words words = parallel_run({"infer.diffusion.cp_size=2"});
  const int port = free_port();
  std::deque<Process> processes;
  for (const char* rank : {"0", "1"}) {
    Words all{"/usr/bin/env", std::string("RANK=") + rank, "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1",
              "MASTER_PORT=" + std::to_string(port)};
    if (*rank == '1') all.emplace_back("CHITU_CPU_CAPABILITY=default");
    all.push_back(chitu_command());
    all.insert(all.end(), words.begin(), words.end());
    processes.emplace_back(all, folder.path());
  }
  for (Process& process : processes)
    CHECK_THAT(process.finish().err,
               ContainsSubstring("rank 1 differs from rank 0 in the instructions of the processor: "
                                 "default, not "));
}

TEST_CASE("a rank that is killed ends the others", "[e2e]") {
  if (skips_without_gloo()) return;
  const std::size_t killed = GENERATE(0, 1, 2);
  const TemporaryFolder folder;
  RankProcesses ranks(3, long_run({"infer.diffusion.cp_size=3"}), folder.path());
  wait_for_steps(folder.path());
  ranks[killed].send(SIGKILL);
  const auto ends = ranks.finish();
  const std::string name = "rank " + std::to_string(killed);
  for (std::size_t rank = 0; rank < ends.size(); ++rank) {
    if (rank == killed) continue;
    INFO(ends[rank].err);
    CHECK(ends[rank].exit_code == 1);
    CHECK(is_one_line(ends[rank].err));
    CHECK_THAT(ends[rank].err, ContainsSubstring(name) && ContainsSubstring("stage was denoise"));
  }
  if (killed != 0)
    CHECK(nlohmann::json::parse(read_file(folder.path() / "run/metrics.json")).at("status") ==
          "failed");
}

TEST_CASE("a rank that is stopped ends the others", "[e2e]") {
  if (skips_without_gloo()) return;
  const std::size_t stopped = GENERATE(0, 1);
  const TemporaryFolder folder;
  RankProcesses ranks(2, long_run({"infer.diffusion.cp_size=2", "infer.diffusion.timeout_s=4"}),
                      folder.path());
  wait_for_steps(folder.path());
  ranks[stopped].send(SIGSTOP);
  // The other one has to end by itself, while this one still stands.
  std::thread waker([&] {
    std::this_thread::sleep_for(std::chrono::seconds(6));
    ranks[stopped].send(SIGCONT);
  });
  const auto ends = ranks.finish();
  waker.join();
  for (std::size_t rank = 0; rank < ends.size(); ++rank) {
    INFO(ends[rank].err);
    CHECK(ends[rank].exit_code == 1);
    CHECK(is_one_line(ends[rank].err));
  }
  CHECK_THAT(ends[1 - stopped].err,
             ContainsSubstring("rank " + std::to_string(stopped) + " has not answered for ") &&
                 ContainsSubstring("its last stage was denoise"));
}

TEST_CASE("an interrupt of all ranks ends each as it ends one process", "[e2e]") {
  if (skips_without_gloo()) return;
  check_interrupt({"infer.diffusion.cp_size=2"});
}

TEST_CASE("an error of one rank ends all with its exit code", "[e2e]") {
  if (skips_without_gloo()) return;
  const TemporaryFolder folder;
  write_file(folder.path() / "run", "in the way");
  const auto ranks =
      RankProcesses(2, parallel_run({"infer.diffusion.cp_size=2"}), folder.path()).finish();
  CHECK(ranks[0].exit_code == 2);
  CHECK(ranks[1].exit_code == 2);
  CHECK_THAT(ranks[0].err,
             ContainsSubstring("error: rank 0: ") && ContainsSubstring("is a file, not a folder"));
  CHECK_THAT(ranks[1].err, ContainsSubstring("error: rank 1: rank 0 failed in stage ") &&
                               ContainsSubstring("is a file, not a folder"));
}

TEST_CASE("cp_size in one process is refused with the command that starts its ranks", "[e2e]") {
  const TemporaryFolder folder;
  const Words words = parallel_run({"infer.diffusion.cp_size=2"});
  const Finished run = chitu(words, folder.path());
  CHECK(run.exit_code == 2);
  CHECK(is_one_line(run.err));
  CHECK_THAT(run.err, ContainsSubstring(
                          "error: infer.diffusion.cp_size=2: needs 2 ranks, this is one "
                          "process; to start them: torchrun --no-python --nproc_per_node=2 ") &&
                          ContainsSubstring("/chitu run "));
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("a Ulysses degree that does not divide cp_size is refused by plans and runs", "[e2e]") {
  const TemporaryFolder folder;
  for (const char* command : {"plan", "run"}) {
    Words words = parallel_run({"infer.diffusion.cp_size=4", "infer.diffusion.up=3"});
    words.front() = command;
    const Finished end = chitu(words, folder.path());
    CHECK(end.exit_code == 2);
    CHECK(
        end.err ==
        "error: infer.diffusion.up=3: expected a divisor of infer.diffusion.cp_size=4: 1, 2, 4\n");
  }
}

TEST_CASE("a launch that does not fit cp_size and cfg_size is refused by every rank", "[e2e]") {
  const TemporaryFolder folder;
  const auto ranks =
      RankProcesses(2, parallel_run({"infer.diffusion.cp_size=3"}), folder.path()).finish();
  for (const Finished& end : ranks) {
    CHECK(end.exit_code == 2);
    CHECK_THAT(end.err,
               ContainsSubstring("is 3 ranks, torchrun has started 2: expected "
                                 "infer.diffusion.cp_size=2, or infer.diffusion.cfg_size=2"));
  }
}

/// Two ranks on hosts of their own, as tests/ranks/two_hosts.sh has them. Empty where the system
/// does not allow that.
std::vector<Finished> on_two_hosts(const std::string& mode, const Words& words,
                                   const TemporaryFolder& folder) {
  Words all{CHITU_SOURCE_DIR "/tests/ranks/two_hosts.sh", mode, folder.path(), chitu_command()};
  all.insert(all.end(), words.begin(), words.end());
  const Finished script = Process(all, folder.path()).finish();
  INFO(script.err);
  if (script.exit_code == 77) {
    WARN("skipped: " + read_file(folder.path() / "reason"));
    return {};
  }
  CHECK(script.exit_code == 0);
  std::vector<Finished> ranks;
  for (const char* rank : {"0", "1"}) {
    const auto text = [&](const char* of) {
      return read_file(folder.path() / (std::string(of) + "." + rank));
    };
    ranks.push_back({std::stoi(text("code")), text("out"), text("err")});
  }
  return ranks;
}

TEST_CASE("two hosts share a run", "[e2e]") {
  if (skips_without_gloo()) return;
  const TemporaryFolder folder;
  const auto ranks = on_two_hosts("run", parallel_run({"infer.diffusion.cp_size=2"}), folder);
  for (const Finished& rank : ranks) {
    CHECK(rank.exit_code == 0);
    CHECK(rank.err.empty());
  }
  if (!ranks.empty()) CHECK(fs::exists(folder.path() / "run/video.mp4"));
}

TEST_CASE("torchrun's rendezvous joins two hosts", "[e2e]") {
  if (skips_without_gloo()) return;
  if (std::system("command -v torchrun >/dev/null") != 0) {
    WARN("skipped: there is no torchrun");
    return;
  }
  const TemporaryFolder folder;
  const auto ranks = on_two_hosts("torchrun", parallel_run({"infer.diffusion.cp_size=2"}), folder);
  for (const Finished& rank : ranks) {
    INFO(rank.err);
    CHECK(rank.exit_code == 0);
  }
  if (!ranks.empty()) CHECK(fs::exists(folder.path() / "run/video.mp4"));
}

TEST_CASE("a link that is cut ends the ranks on both sides", "[e2e]") {
  if (skips_without_gloo()) return;
  const TemporaryFolder folder;
  const auto ranks = on_two_hosts(
      "cut", long_run({"infer.diffusion.cp_size=2", "infer.diffusion.timeout_s=4"}), folder);
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    CHECK(ranks[rank].exit_code == 1);
    CHECK(is_one_line(ranks[rank].err));
    CHECK_THAT(ranks[rank].err,
               ContainsSubstring("rank " + std::to_string(1 - rank) + " has not answered for ") &&
                   ContainsSubstring("its last stage was denoise"));
  }
}

}  // namespace
}  // namespace chitu::testing
