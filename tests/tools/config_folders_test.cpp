#include "tools/chitu/config_folders.h"

#include <algorithm>

#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"
#include "tools/chitu/command_line.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;

/// A folder `my` in the working folder, with the given files.
struct MyConfigs {
  using Files = std::vector<std::pair<std::string, std::string>>;
  explicit MyConfigs(const Files& files) {
    for (const auto& [name, text] : files) {
      fs::create_directories((folder / "my" / name).parent_path());
      write_file(folder / "my" / name, text);
    }
  }

  Finished config(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"config"});
    return chitu(arguments, folder.path());
  }
  /// The configuration that `chitu run` would use.
  Finished run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"run", "--cfg", "job"});
    return chitu(arguments, folder.path());
  }

  TemporaryFolder folder;
};

constexpr const char* kMine = "defaults:\n  - default\n  - _self_\nseed: 7\n";

TEST_CASE("config prints what run composes, wherever the configurations are", "[e2e]") {
  const MyConfigs my(
      {{"request/mine.yaml", kMine},
       {"device/profile/mine.yaml", "name: mine\nmemory: 8GiB\n"},
       {"experiment/big.yaml",
        "# @package _global_\ndefaults:\n  - override /memory: bf16\n"
        "request: {width: 128}\n"},
       {"start.yaml", "defaults:\n  - chitu\n  - override request: mine\n  - _self_\n"}});
  const auto arguments = GENERATE_COPY(
      values<std::vector<std::string>>({{},
                                        {"request=mine"},
                                        {"seed=3"},
                                        {"device/profile=mine"},
                                        {"+experiment=big"},
                                        {"--config-name", "start"},
                                        {"--config-name", "start", "seed=5", "memory=fp8_disk"},
                                        {"--config-name", "chitu", "request=mine"},
                                        {"request=nope"},
                                        {"zz=1"}}));
  const auto with_dir = [&](const char* flag) {
    std::vector<std::string> all{flag, "my"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  };
  const auto printed = my.config(with_dir("--config-dir")),
             composed = my.run(with_dir("--config-dir"));
  INFO(printed.err);
  CHECK(printed.out == composed.out);
  CHECK(printed.err == composed.err);
  CHECK(printed.exit_code == composed.exit_code);
  if (printed.exit_code == 0)
    CHECK_THAT(printed.out, ContainsSubstring("ckpt_dir: ") && ContainsSubstring("low_mem_level"));
  const auto by_path = my.config(with_dir("--config-path"));
  CHECK(by_path.out == my.run(with_dir("--config-path")).out);
}

TEST_CASE("the user's own group option is found beside those of chitu", "[e2e]") {
  const MyConfigs my(MyConfigs::Files{{"request/mine.yaml", kMine}});
  CHECK_THAT(my.config({"--config-dir", "my", "request=mine"}).out,
             ContainsSubstring("seed: 7\n") && ContainsSubstring("max_sequence_length: 512"));
}

TEST_CASE("the tree of another application is composed by itself", "[e2e]") {
  const MyConfigs my({{"config.yaml", "defaults:\n  - db: a\n  - _self_\nmodel: big\n"},
                      {"db/a.yaml", "port: 1\n"},
                      {"db/b.yaml", "port: 2\n"}});
  CHECK(my.config({"--config-dir", "my"}).out == "{}\n");
  CHECK(my.config({"--config-dir", "my", "--config-name", "config", "model=small", "db=b"}).out ==
        "db:\n  port: 2\nmodel: small\n");
  CHECK(my.config({"--config-dir", "my", "+db=b"}).out == "db:\n  port: 2\n");
  const auto missing = my.config({"--config-dir", "my", "db=b"});
  CHECK(missing.exit_code == 2);
  CHECK_THAT(missing.err, ContainsSubstring("use +db=b"));
  CHECK(std::count(missing.err.begin(), missing.err.end(), '\n') == 1);
  // A tree that needs one of chitu's configurations gets all of them.
  CHECK_THAT(my.config({"--config-dir", "my", "memory=bf16"}).out, ContainsSubstring("ckpt_dir"));
  CHECK_THAT(my.config({"--config-dir", "my"}).err,
             ContainsSubstring("from nothing; --config-name NAME begins with a config"));
}

TEST_CASE("a configuration that builds upon chitu's is not treated as another application",
          "[e2e]") {
  const MyConfigs my(
      MyConfigs::Files{{"job.yaml", "defaults:\n  - chitu\n  - _self_\nrequest:\n  seed: 9\n"}});
  const auto printed = my.config({"--config-dir", "my"});
  CHECK(printed.out == my.run({"--config-dir", "my"}).out);
  CHECK_THAT(printed.out, ContainsSubstring("ckpt_dir"));
  CHECK(printed.err.empty());
}

TEST_CASE("short forms of a request's keys belong to chitu's configuration", "[e2e]") {
  const MyConfigs my(MyConfigs::Files{{"other.yaml", "x: 1\n"}});
  for (const char* override : {"seed=3", "prompt=x", "width=64"}) {
    const std::vector<std::string> arguments{"--config-dir", "my", override};
    CHECK(my.config(arguments).out == my.run(arguments).out);
    CHECK(my.config(arguments).exit_code == 0);
  }
  CHECK(my.config({"--config-dir", "my", "+seed=3"}).out == "seed: 3\n");
}

TEST_CASE("overrides may follow --", "[e2e]") {
  const MyConfigs my(MyConfigs::Files{});
  CHECK_THAT(my.config({"--format", "json", "--", "seed=3", "fps=2"}).out,
             ContainsSubstring("\"seed\": 3") && ContainsSubstring("\"fps\": 2"));
  const auto wrong = my.config({"--", "--format=json"});
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err, ContainsSubstring("--format=json: expected = after the key"));
}

}  // namespace
}  // namespace chitu::testing
