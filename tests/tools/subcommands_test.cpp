#include <algorithm>
#include <memory>
#include <sstream>

#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"
#include "tools/chitu/completion.h"
#include "tools/chitu/dispatch.h"
#include "tools/chitu/engine_command.h"
#include "tools/chitu/subcommand.h"

namespace chitu::tools {
namespace {

using Catch::ContainsSubstring;
using testing::TemporaryFolder;

const auto& table() { return Registry<Subcommand>::instance(); }

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::size_t position(const std::string& text, const std::string& part) {
  INFO(part);
  REQUIRE_THAT(text, ContainsSubstring(part));
  return text.find(part);
}

std::string last_line(std::string text) {
  text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

/// Runs a line in a shell in which `chitu` is the command under test. DIR is the demo model.
testing::Finished shell(std::string line, const TemporaryFolder& folder) {
  if (const auto at = line.find("DIR"); at != std::string::npos)
    line.replace(at, 3, CHITU_SOURCE_DIR "/assets/demo-t2v");
  const std::string script = "PATH=" CHITU_BIN_DIR ":$PATH; " + line;
  return testing::Process({"/bin/sh", "-c", script}, folder.path()).finish();
}

TEST_CASE("subcommands register themselves", "[tools]") {
  for (const char* name :
       {"batch", "calibrate", "config", "decode", "graph", "info", "plan", "run", "tokenize"})
    CHECK(table().find(name));
}

TEST_CASE("usage begins with an example and lists every subcommand once", "[tools]") {
  const std::string text = usage();
  CHECK(position(text, "  chitu prompt=\"a red circle") < position(text, "\nGenerate\n"));
  for (const auto& [name, subcommand] : table().entries())
    CHECK(count_of(text, "\n  " + name + " ") == 1);
  CHECK(position(text, "\nGenerate\n") < position(text, "\n  run "));
  CHECK(position(text, "\nThis machine\n") < position(text, "\n  info "));
}

TEST_CASE("completion offers every subcommand and --help for each", "[tools]") {
  const Words offered = complete_line("chitu ");
  for (const auto& [name, subcommand] : table().entries()) {
    INFO(name);
    CHECK(std::count(offered.begin(), offered.end(), name) == 1);
    CHECK(complete_line("chitu " + name + " --hel") == Words{"--help"});
  }
}

TEST_CASE("a command that the engine library does not have is an error", "[tools]") {
  const std::unique_ptr<EngineSession> session(chitu_open_engine());
  CHECK_THROWS_WITH(session->run({"nonsense", {}}),
                    "the engine library has no command nonsense; it has " +
                        join(Registry<EngineCommand>::instance().names()));
  CHECK_THROWS_WITH(session->run({"nonsense", {}}),
                    ContainsSubstring(" plan, plan_batch, regress, run"));
}

TEST_CASE("the help of every subcommand has its flags and its examples", "[e2e]") {
  const TemporaryFolder folder;
  for (const auto& [name, subcommand] : table().entries()) {
    INFO(name);
    const auto about = subcommand->describe();
    const auto help = testing::chitu({name, "--help"}, folder.path());
    CHECK(help.exit_code == 0);
    CHECK(help.err.empty());
    CHECK_THAT(help.out, ContainsSubstring(about.purpose) && ContainsSubstring("chitu " + name) &&
                             ContainsSubstring("--help"));
    REQUIRE_FALSE(about.examples.empty());
    CHECK_THAT(about.examples.front().command, ContainsSubstring("chitu " + name));
    for (const auto& example : about.examples)
      CHECK_THAT(help.out, ContainsSubstring("\n  " + example.command));
  }
}

TEST_CASE("the help of every subcommand has one form, with its arguments first", "[e2e]") {
  const TemporaryFolder folder;
  for (const auto& [name, subcommand] : table().entries()) {
    INFO(name);
    const std::string text = testing::chitu({name, "--help"}, folder.path()).out;
    CHECK(text.starts_with("usage: chitu " + name));
    CHECK(position(text, "\nFlags\n") < position(text, "\nExamples\n"));
    CHECK_THAT(text, ContainsSubstring("\n  --help, -h "));
  }
  const std::string regress = testing::chitu({"regress", "--help"}, folder.path()).out;
  CHECK(regress.starts_with("usage: chitu regress run|record|update CASES [flags]\n"));
  CHECK(position(regress, "\nArguments\n") < position(regress, "\nFlags\n"));
}

TEST_CASE("the help of run shows flags, then groups, and not the configuration", "[e2e]") {
  const TemporaryFolder folder;
  const std::string text = testing::chitu({"run", "--help"}, folder.path()).out;
  CHECK(position(text, "\nFlags\n") < position(text, "\nGroups (group=option)\n"));
  CHECK(position(text, "\nGroups (group=option)\n") < position(text, "\nOverrides\n"));
  CHECK(position(text, "\nOverrides\n") < position(text, "\nExamples\n"));
  CHECK_THAT(text, ContainsSubstring("\nmodel: demo, ") && !ContainsSubstring("ckpt_dir: "));
  CHECK(last_line(text) ==
        "`chitu config` prints the composed configuration: every key and its value.");
}

TEST_CASE("the help lists options that the user's own folder adds", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(shell("mkdir -p my/model && touch my/model/own.yaml", folder).exit_code == 0);
  for (const char* name : {"run", "plan", "graph", "config"}) {
    const auto help = testing::chitu({name, "--config-dir", "my", "--help"}, folder.path());
    CHECK_THAT(help.out, ContainsSubstring("model: demo, own, "));
  }
}

TEST_CASE("the examples of subcommands that need no weights and no video run", "[e2e]") {
  const TemporaryFolder folder;
  write_file(folder / "jobs.yaml", "[a red circle, a blue cross]");
  for (const char* name : {"config", "graph", "info", "plan"})
    for (const auto& example : table().at(name, "subcommand").describe().examples) {
      const auto run = shell(example.command, folder);
      INFO(example.command << "\n" << run.err);
      CHECK(run.exit_code == 0);
      CHECK_FALSE(run.out.empty());
    }
}

TEST_CASE("the example of tokenize runs on the demo model", "[e2e]") {
  const TemporaryFolder folder;
  const auto examples = table().at("tokenize", "subcommand").describe().examples;
  const auto run = shell(examples.front().command, folder);
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.out, ContainsSubstring("\"a cat\""));
}

TEST_CASE("the examples of run compose", "[e2e]") {
  const TemporaryFolder folder;
  for (const auto& example : table().at("run", "subcommand").describe().examples) {
    if (example.command.find("--multirun") != std::string::npos) continue;
    const auto run = shell(example.command + " --cfg job", folder);
    INFO(example.command << "\n" << run.err);
    CHECK(run.exit_code == 0);
  }
}

TEST_CASE("an unknown subcommand is refused with the known ones", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = testing::chitu({"pla"}, folder.path());
  CHECK(run.exit_code == 2);
  CHECK(run.err == "error: unknown subcommand pla, expected one of " + join(table().names()) +
                       ", did you mean plan?\n");
}

}  // namespace
}  // namespace chitu::tools
