#include <nlohmann/json.hpp>
#include <sstream>

#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;
using nlohmann::json;
using Words = std::vector<std::string>;

/// A line for a shell in which $CHITU is the command under test.
Finished in_shell(const std::string& line, const TemporaryFolder& folder) {
  const std::string script = "CHITU='" + chitu_command() + "'; " + line;
  return Process({"/bin/bash", "-c", script}, folder.path()).finish();
}

TEST_CASE("--log-level chooses what standard error shows, above SPDLOG_LEVEL", "[e2e]") {
  const TemporaryFolder folder;
  CHECK(chitu(tiny_run({}), folder.path()).err.empty());
  CHECK_THAT(chitu(tiny_run({"--log-level", "info"}), folder.path()).err,
             ContainsSubstring("info: stage denoise begins") && !ContainsSubstring("debug: "));
  CHECK_THAT(chitu(tiny_run({"--log-level=debug"}), folder.path()).err,
             ContainsSubstring("debug: step 1 of 2"));
  CHECK_THAT(chitu(tiny_run({"hydra.verbose=true"}), folder.path()).err,
             ContainsSubstring("debug: step 1 of 2"));
  CHECK(chitu(tiny_run({"hydra.verbose=true", "-q"}), folder.path()).err.empty());
  const auto wrong = chitu(tiny_run({"--log-level", "inf"}), folder.path());
  CHECK(wrong.exit_code == 2);
  CHECK(wrong.err ==
        "error: --log-level inf: expected one of trace, debug, info, warn, error, did you mean "
        "info?\n");
}

TEST_CASE("an unknown level in SPDLOG_LEVEL is named", "[e2e]") {
  const TemporaryFolder folder;
  const auto wrong = in_shell("SPDLOG_LEVEL=chitu.memory=foo $CHITU run prompt=x", folder);
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err,
             ContainsSubstring("SPDLOG_LEVEL=chitu.memory=foo: expected one of trace, "));
}

TEST_CASE("what would end the process without a word is said before", "[e2e]") {
  const TemporaryFolder folder;
  const auto gone = in_shell("mkdir gone; cd gone; rmdir ../gone; $CHITU run prompt=x", folder);
  CHECK(gone.exit_code == 2);
  CHECK_THAT(gone.err, ContainsSubstring("No such file or directory"));
  const auto small = in_shell("ulimit -s 64; $CHITU run prompt=x", folder);
  CHECK(small.exit_code == 3);
  CHECK(small.err == "error: ulimit -s 64: the stack is too small, expected 128 or more\n");
}

TEST_CASE("the level may also come from the environment, and the flag counts more", "[e2e]") {
  const TemporaryFolder folder;
  const std::string info = "$CHITU graph " + of_tiny_model() + " ";
  const auto wrong = in_shell("CHITU_LOG_LEVEL=loud " + info, folder);
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err, Catch::StartsWith("error: CHITU_LOG_LEVEL=loud: expected one of trace,"));
  CHECK(in_shell("CHITU_LOG_LEVEL=loud " + info + "--log-level warn", folder).exit_code == 0);
}

TEST_CASE("--quiet leaves results and errors alone", "[e2e]") {
  const TemporaryFolder folder;
  const auto sweep =
      chitu(tiny_run({"-q", "-m", "seed=1,2", "hydra.sweep.dir=all", "output.format=gif"}),
            folder.path());
  CHECK(sweep.exit_code == 0);
  CHECK(sweep.err.empty());
  CHECK(sweep.out == (folder / "all/0/video.gif").string() + "\n" +
                         (folder / "all/1/video.gif").string() + "\n");
  const auto bad = chitu(tiny_run({"--quiet", "request.width=33"}), folder.path());
  CHECK(bad.exit_code == 2);
  CHECK_THAT(bad.err, Catch::StartsWith("error: request.width=33"));
}

TEST_CASE("a terminal has progress and colours, unless --quiet and NO_COLOR say no", "[e2e]") {
  const TemporaryFolder folder;
  if (in_shell("command -v script", folder).exit_code != 0) {
    WARN("skipped: there is no script(1) to make a terminal");
    return;
  }
  const auto on_terminal = [&](const std::string& before, const std::string& words) {
    std::string line = "export CHITU TERM=xterm; unset NO_COLOR; " + before;
    line += " script -qec \"$CHITU " + words + "\" /dev/null";
    return in_shell(line, folder).out;
  };
  const std::string red = "\x1b[1;31merror:\x1b[0m ", to_line_start = "\r\x1b[K";
  CHECK_THAT(on_terminal("", "run width=3"), ContainsSubstring(red));
  CHECK_THAT(on_terminal("NO_COLOR=1", "run width=3"),
             !ContainsSubstring("\x1b[1;31m") && ContainsSubstring("error: "));
  CHECK_THAT(on_terminal("TERM=dumb", "run width=3"), !ContainsSubstring("\x1b[1;31m"));
  std::string run;
  for (const std::string& word : tiny_run({})) run += word + " ";
  CHECK_THAT(on_terminal("", run), ContainsSubstring(to_line_start));
  CHECK_THAT(on_terminal("", run + "--quiet"), !ContainsSubstring(to_line_start));
}

TEST_CASE("what a program reads is JSON with --json, of every subcommand that prints facts",
          "[e2e]") {
  const TemporaryFolder folder;
  const auto parsed = [&](const Words& words) {
    const auto run = chitu(words, folder.path());
    INFO(run.err);
    REQUIRE(run.exit_code == 0);
    return json::parse(run.out);
  };
  const json info = parsed({"info", "--json"});
  CHECK(info.at("cpu").at("threads") > 0);
  CHECK(info.at("devices").at(0) == "cpu");
  CHECK(info.at("memory").at("free_bytes") > 0);
  CHECK(info.at("pipelines") ==
        json{"QwenImagePipeline", "WanImageToVideoPipeline", "WanPipeline"});
  CHECK_FALSE(info.at("memory_strategies").empty());
  CHECK(parsed({"graph", "--json", of_tiny_model()}).at("stages").size() == 6);
  CHECK(parsed({"config", "--json", "prompt=x"}).at("request").at("prompt") == "x");
  CHECK(parsed({"run", "--cfg", "job", "--json", "prompt=x"}).at("request").at("prompt") == "x");
  const Words plan{"plan", of_tiny_model(), "width=32", "height=32", "num_frames=5"};
  Words as_json = plan;
  as_json.emplace_back("--json");
  CHECK(parsed(as_json).at("levels").size() == 4);
}

TEST_CASE("a run with --json prints one object a line, a job of a sweep likewise", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = chitu(tiny_run({"--json", "output.format=[gif,frames]"}), folder.path());
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(json::parse(run.out) ==
        json{{"folder", (folder / "run").string()},
             {"status", "done"},
             {"files", {(folder / "run/video.gif").string(), (folder / "run/frames").string()}},
             {"metrics", (folder / "run/metrics.json").string()}});
  const auto sweep =
      chitu(tiny_run({"--json", "-m", "seed=1,2", "hydra.sweep.dir=all"}), folder.path());
  std::istringstream lines(sweep.out);
  std::vector<json> jobs;
  for (std::string line; std::getline(lines, line);) jobs.push_back(json::parse(line));
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[1].at("folder") == (folder / "all/1").string());
}

}  // namespace
}  // namespace chitu::testing
