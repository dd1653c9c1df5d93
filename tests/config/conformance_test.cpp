// The cases of tests/data/config/cases.json, in the format of the conformance suite: arguments of
// `chitu config`, and what it must print or refuse.
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/config/value/json.h"
#include "chitu_core/config/value/text.h"
#include "tests/support/catch.h"
#include "tests/support/json_node.h"
#include "tools/chitu/command_line.h"
#include "tools/chitu/config_command.h"

namespace chitu::config {
namespace {

const std::filesystem::path kData = std::filesystem::path(CHITU_TEST_DATA) / "config";

/// A directory that is removed with its files when the test ends.
class Scratch {
 public:
  Scratch() : path(std::filesystem::temp_directory_path() / "chitu_config_cases") {
    std::filesystem::create_directories(path);
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name, const std::string& text) const {
    write_file(path / name, text);
    return (path / name).string();
  }
  std::filesystem::path path;
};

std::string text_of(const Node& test, const char* key) {
  const Node* found = test.find(key);
  return found && !found->is_null() ? found->text() : "";
}

std::vector<std::string> command_of(const Node& test, const Scratch& scratch) {
  const std::string kind = text_of(test, "kind");
  std::vector<std::string> args = {"--format", "json"};
  const auto add = [&](std::initializer_list<std::string> words) {
    args.insert(args.end(), words.begin(), words.end());
  };
  if (kind == "override") {
    add({"--parse-override", text_of(test, "override")});
    return args;
  }
  if (const Node* yaml = test.find("yaml")) {
    add({"--file", scratch.file("a.yaml", yaml->text())});
    if (kind == "merge") add({"--merge", scratch.file("b.yaml", text_of(test, "yaml2"))});
    if (kind == "interp") add({"--resolve"});
    return args;
  }
  add({"--config-dir", text_of(test, "tree"), "--config-name", text_of(test, "config_name")});
  add({kind == "sweep" ? "--multirun" : "--resolve"});
  if (const Node* package = test.find("package")) add({"--package", package->text()});
  for (const Node& given : test.at("overrides").list()) args.push_back(given.text());
  return args;
}

}  // namespace

TEST_CASE("chitu config gives the expected result for every case of the suite", "[config]") {
  const Scratch scratch;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(kData);
  const Node cases = testing::read_json(kData / "cases.json");
  for (const Node& test : cases.list()) {
    INFO(text_of(test, "id"));
    if (const Node* env = test.find("env"))
      for (const Entry& entry : env->map())
        setenv(entry.key.text.c_str(), entry.value.text().c_str(), 1);
    std::ostringstream out, err;
    int code = 0;
    try {
      tools::ConfigFlags options;
      tools::Flags flags;
      options.declare(flags);
      flags.parse(command_of(test, scratch), options.overrides);
      const auto request = tools::compose_request(options, tools::ConfigTrees::any);
      tools::config_command(options, request, out, err);
    } catch (const std::exception& error) {
      err << explain(error);
      code = exit_code(error);
    }
    INFO(err.str());
    if (test.find("error")) {
      CHECK(code == 2);
      CHECK(out.str().empty());
      for (const Node& words : test.at("mentions").list())
        CHECK_THAT(lower(err.str()), Catch::ContainsSubstring(lower(words.text())));
    } else {
      CHECK(code == 0);
      CHECK(out.str() == to_json(test.at("expected")) + "\n");
    }
  }
  std::filesystem::current_path(before);
}

}  // namespace chitu::config
