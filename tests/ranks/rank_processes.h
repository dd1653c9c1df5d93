#pragma once

#include <fmt/format.h>
#include <signal.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "chitu_core/parallel/gloo_communicator.h"
#include "tests/parallel/threads_of_ranks.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

namespace chitu::testing {

using Words = std::vector<std::string>;

/// Says that a test is skipped where this build connects no ranks.
inline bool skips_without_gloo() {
  if (parallel::has_gloo()) return false;
  WARN("skipped: this build has no gloo");
  return true;
}

inline bool is_one_line(const std::string& text) {
  return !text.empty() && text.find('\n') == text.size() - 1;
}

/// The ranks of a launch on this host, as torchrun starts them.
class RankProcesses {
 public:
  using Folders = std::vector<std::filesystem::path>;

  /// words  of `chitu`, the same on every rank; those in `of_last` only on the last one
  RankProcesses(int size, const Words& words, const std::filesystem::path& folder,
                const Words& of_last = {})
      : RankProcesses(words, Folders(static_cast<std::size_t>(size), folder), of_last) {}

  /// folders  that the ranks are started in, one for each
  RankProcesses(const Words& words, const Folders& folders, const Words& of_last = {},
                const std::string& program = chitu_command()) {
    const int port = free_port();
    const std::string size = std::to_string(folders.size());
    for (std::size_t rank = 0; rank < folders.size(); ++rank) {
      Words all{"/usr/bin/env",
                fmt::format("RANK={}", rank),
                fmt::format("WORLD_SIZE={}", size),
                fmt::format("LOCAL_RANK={}", rank),
                fmt::format("LOCAL_WORLD_SIZE={}", size),
                "MASTER_ADDR=127.0.0.1",
                fmt::format("MASTER_PORT={}", port),
                "OMP_NUM_THREADS=1",
                program};
      all.insert(all.end(), words.begin(), words.end());
      if (rank + 1 == folders.size()) all.insert(all.end(), of_last.begin(), of_last.end());
      ranks_.emplace_back(all, folders[rank]);
    }
  }

  const Process& operator[](std::size_t rank) const { return ranks_[rank]; }

  std::vector<Finished> finish() {
    std::vector<Finished> all;
    for (Process& rank : ranks_) all.push_back(rank.finish());
    return all;
  }

 private:
  std::deque<Process> ranks_;
};

inline Words joined(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

inline Words parallel_run(const Words& more) {
  return joined(tiny_run({"device=cpu", "infer.diffusion.timeout_s=20"}), more);
}

/// Waits until rank 0 has begun a step: all ranks have connected.
inline void wait_for_steps(const std::filesystem::path& folder) {
  if (!begins_to_denoise(folder / "run")) FAIL("no step began");
  std::this_thread::sleep_for(std::chrono::seconds(1));  // all ranks are told of the stage by then
}

/// A run that is still at work when a test looks.
inline Words long_run(const Words& more) {
  return joined(parallel_run({"num_inference_steps=1000", "width=128", "height=128"}), more);
}

/// SIGTERM to two ranks in the middle of a long run ends both as it ends one process.
inline void check_interrupt(const Words& more) {
  const TemporaryFolder folder;
  RankProcesses ranks(2, long_run(more), folder.path());
  wait_for_steps(folder.path());
  for (std::size_t rank : {0, 1}) ranks[rank].send(SIGTERM);
  for (const Finished& end : ranks.finish()) {
    INFO(end.err);
    CHECK(end.exit_code == 143);
    CHECK(is_one_line(end.err));
  }
}

}  // namespace chitu::testing
