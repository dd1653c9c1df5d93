#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

namespace chitu::testing {
namespace {

using Catch::ContainsSubstring;
using Words = std::vector<std::string>;

/// `chitu` with these words, under limits set by a shell. Closes descriptors that the test's own
/// parent left open, because they would count.
Finished limited(const std::string& limits, const Words& words, const TemporaryFolder& folder) {
  Words all{"/bin/bash", "-c",
            "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; " + limits + " && exec \"$0\" \"$@\"",
            chitu_command()};
  all.insert(all.end(), words.begin(), words.end());
  return Process(all, folder.path()).finish();
}

Words run(const Words& more) {
  Words words{"run",       "--prompt",     "a red circle",          of_tiny_model(),    "width=32",
              "height=32", "num_frames=5", "num_inference_steps=2", "hydra.run.dir=run"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// Sanitizers reserve more addresses than any limit here.
bool limits_addresses() {
#if defined(__SANITIZE_ADDRESS__)
  WARN("skipped: a sanitizer needs all addresses");
  return false;
#else
  return true;
#endif
}

bool is_one_line(const std::string& text) {
  return !text.empty() && text.find('\n') == text.size() - 1;
}

TEST_CASE("a process that cannot start a thread says so in one line", "[e2e]") {
  if (!limits_addresses()) return;
  const TemporaryFolder folder;
  // No thread's stack fits, for any user.
  const std::string no_threads = "ulimit -s 4000000 && ulimit -v 3000000";
  for (const Words& more : {Words{"device=cpu"}, Words{"device=sim"}}) {
    const auto result = limited(no_threads, run(more), folder);
    CHECK(result.exit_code == 3);
    CHECK(is_one_line(result.err));
    CHECK_THAT(result.err, ContainsSubstring("cannot start a thread: ") &&
                               ContainsSubstring("ulimit -v 3000000"));
    CHECK(std::filesystem::is_empty(folder.path()));
  }
  CHECK(limited(no_threads, {"config"}, folder).exit_code == 0);
}

TEST_CASE("a job of a sweep that cannot start threads does not affect the next", "[e2e]") {
  if (!limits_addresses()) return;
  const TemporaryFolder folder;
  const auto result = limited(
      "ulimit -v 5000000",
      run({"--multirun", "device=cpu", "infer.threads=2,1024,2", "hydra.sweep.dir=all"}), folder);
  CHECK_THAT(result.err, ContainsSubstring("1024 threads to compute with, but ") &&
                             ContainsSubstring("3 jobs: 2 done, 1 failed"));
}

TEST_CASE("a process without address space says so in one line", "[e2e]") {
  if (!limits_addresses()) return;
  const TemporaryFolder folder;
  for (const char* kibibytes : {"100000", "400000"}) {
    const auto result = limited(std::string("ulimit -v ") + kibibytes, run({"device=cpu"}), folder);
    CHECK(result.exit_code == 3);
    CHECK(is_one_line(result.err));
    CHECK_THAT(result.err, ContainsSubstring("annot allocate memory") &&
                               ContainsSubstring(std::string("ulimit -v ") + kibibytes));
  }
}

TEST_CASE("wherever addresses run out, the limit is named", "[e2e]") {
  if (!limits_addresses()) return;
  for (const char* kibibytes : {"500000", "550000", "600000", "650000", "700000"}) {
    const TemporaryFolder folder;
    const std::string limit = std::string("ulimit -v ") + kibibytes;
    const auto result = limited(limit, run({"device=cpu"}), folder);
    INFO(result.err);
    if (result.exit_code == 0) continue;
    CHECK(result.exit_code == 3);
    CHECK(is_one_line(result.err));
    CHECK_THAT(result.err, ContainsSubstring(limit));
  }
}

TEST_CASE("few open files are enough for a run, and the error about too few says so", "[e2e]") {
  const TemporaryFolder folder;
  CHECK(limited("ulimit -n 16", run({"device=cpu"}), folder).exit_code == 0);
  const auto result = limited("ulimit -n 4", run({"device=cpu"}), folder);
  CHECK(result.exit_code == 3);
  CHECK(is_one_line(result.err));
  CHECK_THAT(result.err, ContainsSubstring("Too many open files (ulimit -n 4)"));
}

}  // namespace
}  // namespace chitu::testing
