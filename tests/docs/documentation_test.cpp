#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "chitu_core/common/files.h"
#include "tests/docs/markdown.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"

// Checks that README.md and docs/ are true. The language of a code block decides how it is checked:
// docs/contributing.md, Documentation.

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

const fs::path kRoot = CHITU_SOURCE_DIR;

std::vector<Page> pages() {
  std::vector<fs::path> files{kRoot / "README.md"};
  for (const auto& entry : fs::directory_iterator(kRoot / "docs"))
    if (entry.path().extension() == ".md") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Page> all;
  for (const fs::path& file : files) all.push_back(read_page(file));
  return all;
}

std::string place(const Page& page, int line) {
  return fs::relative(page.file, kRoot).string() + ":" + std::to_string(line);
}

bool contains(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Calls back with each block of this language.
template <typename Check>
void each_block(const std::string& language, Check&& check) {
  for (const Page& page : pages())
    for (const CodeBlock& block : page.blocks)
      if (block.language == language) {
        INFO(place(page, block.line) << "\n" << block.text);
        check(page, block);
      }
}

/// What a user reads when asking for help on a subcommand.
const std::string& help_of(const std::string& subcommand) {
  static std::map<std::string, std::string> known;
  const auto [entry, is_new] = known.emplace(subcommand, "");
  if (is_new) entry->second = chitu({subcommand, "--help"}, kRoot).out;
  return entry->second;
}

/// DIR, NAME: placeholders for the reader's own values.
bool is_placeholder(const std::string& value) {
  static const std::regex capitals("[A-Z_]+");
  return std::regex_match(value, capitals);
}

/// An override that can be composed as it is written.
bool is_override(const std::string& word) {
  static const std::regex form(R"((\+\+?|~)?[a-z][a-z0-9_./]*=([^=].*)?)");
  return std::regex_match(word, form) && !is_placeholder(word.substr(word.find('=') + 1));
}

void check_composes(Words overrides) {
  overrides.insert(overrides.begin(), "config");
  const auto composed = chitu(overrides, kRoot);
  INFO(composed.err);
  CHECK(composed.exit_code == 0);
}

/// The flags are known to the subcommand and the overrides to the configuration. Values are bound,
/// not only composed, if a plan accepts what a run accepts.
void check_chitu_command(const Words& words) {
  static const Words composing{"run", "plan", "graph", "config"};
  const bool named = words.size() > 1 && words[1].find_first_of("=-") == std::string::npos;
  const std::string subcommand = named ? words[1] : "run";
  CHECK_FALSE(help_of(subcommand).empty());
  Words overrides;
  for (const std::string& word : words) {
    if (word.starts_with("--"))
      CHECK_THAT(help_of(subcommand), Catch::ContainsSubstring(word.substr(0, word.find('='))));
    if (is_override(word) && !word.starts_with("model.ckpt_dir=")) overrides.push_back(word);
  }
  if (contains(words, "--config-dir") || !contains(composing, subcommand)) return;
  if (contains(words, "--multirun")) {
    overrides.insert(overrides.begin(), "--multirun");
    return check_composes(overrides);
  }
  overrides.insert(overrides.begin(), {"plan", "--placement"});
  const auto planned = chitu(overrides, kRoot);
  INFO(planned.err);
  CHECK(planned.exit_code == 0);
}

/// A script of this repository exists and knows its flags; a program of the build has sources.
void check_script(const Words& words) {
  const std::string& name = words.front();
  if (name.starts_with("build/")) {
    const std::string program = fs::path(name).filename();
    const std::string folder = program.substr(0, program.rfind("_tests"));
    CHECK((program == "chitu" || fs::exists(kRoot / "tests" / folder)));
    return;
  }
  REQUIRE(fs::exists(kRoot / name));
  CHECK(::access((kRoot / name).c_str(), X_OK) == 0);
  const std::string script = read_file(kRoot / name);
  for (std::string word : words) {
    word.erase(
        std::remove_if(word.begin(), word.end(), [](char c) { return c == '[' || c == ']'; }),
        word.end());
    if (word.starts_with("--"))
      CHECK_THAT(script, Catch::ContainsSubstring(word.substr(0, word.find('='))));
  }
}

void check_console_command(Words words) {
  static const std::regex assignment("[A-Z_]+=.*");
  static const Words of_the_system{"apt-get", "cd",   "cmake",   "cpack", "docker",
                                   "echo",    "git",  "hf",      "mkdir", "mpirun",
                                   "pip",     "srun", "torchrun"};
  while (!words.empty() && std::regex_match(words.front(), assignment)) words.erase(words.begin());
  if (words.empty() || contains(of_the_system, words.front())) return;
  INFO(words.front());
  if (words.front() == "chitu")
    check_chitu_command(words);
  else
    check_script(words);
}

TEST_CASE("the commands in README and docs run", "[e2e]") {
  for (const Page& page : pages()) {
    const TemporaryFolder folder;
    for (const CodeBlock& block : page.blocks) {
      if (block.language != "sh") continue;
      const std::string path = "export PATH=\"" CHITU_BIN_DIR ":$PATH\"\n";
      const auto run =
          Process({"/bin/bash", "-euo", "pipefail", "-c", path + block.text}, folder.path())
              .finish();
      INFO(place(page, block.line) << "\n" << block.text << run.err);
      CHECK(run.exit_code == 0);
    }
  }
}

TEST_CASE("the commands in README and docs that no test can run use existing flags and files",
          "[e2e]") {
  each_block("console", [](const Page&, const CodeBlock& block) {
    for (const Words& words : shell_commands(block.text)) check_console_command(words);
  });
}

TEST_CASE("every code block in README and docs has a language") {
  static const Words known{"sh", "console", "cpp", "cmake", "yaml", "text"};
  for (const Page& page : pages())
    for (const CodeBlock& block : page.blocks) {
      INFO(place(page, block.line) << ": expected a fence with one of sh, console, cpp, cmake, "
                                      "yaml, text\n"
                                   << block.text);
      CHECK(contains(known, block.language));
    }
}

TEST_CASE("the C++ in README and docs is that of the examples") {
  std::string examples;
  for (const auto& entry : fs::directory_iterator(kRoot / "examples"))
    if (entry.path().extension() == ".cpp") examples += read_file(entry.path());
  each_block("cpp", [&](const Page&, const CodeBlock& block) {
    CHECK(examples.find(block.text) != std::string::npos);
  });
}

TEST_CASE("the image is built by the commands of docs/install.md, with arguments that it has") {
  std::string commands, arguments;
  for (const CodeBlock& block : read_page(kRoot / "docs/install.md").blocks)
    if (block.language == "console") commands += block.text;
  std::istringstream lines(read_file(kRoot / "Dockerfile"));
  int runs = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("ARG ")) arguments += line + "\n";
    if (!line.starts_with("RUN ")) continue;
    ++runs;
    const std::string command = line.substr(line.rfind(' ') + 1);  // behind its variables
    INFO(line);
    CHECK(commands.find("\n" + command) != std::string::npos);
    CHECK(fs::exists(kRoot / command));
  }
  CHECK(runs == 1);
  static const std::regex given("--build-arg ([A-Z]+)=");
  for (auto at = std::sregex_iterator(commands.begin(), commands.end(), given);
       at != decltype(at)(); ++at)
    CHECK(arguments.find("ARG " + (*at)[1].str() + "=") != std::string::npos);
}

TEST_CASE("the links in README and docs have targets") {
  for (const Page& page : pages())
    for (const Link& link : page.links) {
      if (link.target.find("://") != std::string::npos) continue;
      INFO(place(page, link.line) << ": " << link.target);
      const std::size_t hash = std::min(link.target.find('#'), link.target.size());
      const fs::path target =
          hash == 0 ? page.file : page.file.parent_path() / link.target.substr(0, hash);
      REQUIRE(fs::exists(target));
      if (hash < link.target.size())
        CHECK(contains(read_page(target).anchors, link.target.substr(hash + 1)));
    }
}

/// The keys of the reference, and the groups that they are in.
std::set<std::string> known_keys() {
  std::set<std::string> keys;
  for (const CodeSpan& span : read_page(kRoot / "config/README.md").spans)
    for (std::size_t end = span.text.size(); end != std::string::npos;
         end = end == 0 ? std::string::npos : span.text.rfind('.', end - 1))
      keys.insert(span.text.substr(0, end));
  return keys;
}

TEST_CASE("the keys in the text of README and docs exist") {
  static const std::regex key(R"((device|infer|memory|request|output|debug)(\.[a-z0-9_]+)+)");
  static const std::string picture = "memory.svg";
  const std::set<std::string> known = known_keys();
  for (const Page& page : pages())
    for (const CodeSpan& span : page.spans)
      if (span.text != picture && std::regex_match(span.text, key)) {
        INFO(place(page, span.line) << ": " << span.text);
        CHECK(known.count(span.text) == 1);
      }
}

TEST_CASE("the overrides in the text of README and docs compose", "[e2e]") {
  static const Words of_the_grammar{"key=value", "+key=value", "++key=value", "group=option"};
  for (const Page& page : pages())
    for (const CodeSpan& span : page.spans) {
      Words overrides;
      std::istringstream words(span.text);
      for (std::string word; words >> word;)
        if (is_override(word) && !contains(of_the_grammar, word)) overrides.push_back(word);
      if (overrides.empty()) continue;
      INFO(place(page, span.line) << ": " << span.text);
      check_composes(overrides);
    }
}

TEST_CASE("README is a guide of at most 200 lines") {
  CHECK(read_page(kRoot / "README.md").lines <= 200);
}

}  // namespace
}  // namespace chitu::testing
