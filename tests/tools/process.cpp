#include "tests/tools/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::testing {
namespace fs = std::filesystem;

Process::Process(const std::vector<std::string>& arguments, const fs::path& working_folder,
                 const std::string& stdin_text) {
  static int count = 0;
  scratch_ = fs::temp_directory_path() /
             ("chitu_process_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
  fs::create_directories(scratch_);
  write_file(scratch_ / "in", stdin_text);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::string in = scratch_ / "in", out = scratch_ / "out", err = scratch_ / "err";
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ > 0) return;
  // Only calls that are safe between fork and exec.
  ::dup2(::open(in.c_str(), O_RDONLY | O_CLOEXEC), STDIN_FILENO);
  ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDOUT_FILENO);
  ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDERR_FILENO);
  if (::chdir(working_folder.c_str()) == 0) ::execv(argv[0], argv.data());
  ::_exit(127);
}

void Process::send(int signal) const { ::kill(pid_, signal); }

Finished Process::finish() {
  int status = 0;
  ::waitpid(pid_, &status, 0);
  Finished finished{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                    read_file(scratch_ / "out"), read_file(scratch_ / "err")};
  fs::remove_all(scratch_);
  return finished;
}

std::string chitu_command() { return std::string(CHITU_BIN_DIR) + "/chitu"; }

Finished chitu(const std::vector<std::string>& arguments, const fs::path& working_folder,
               const std::string& stdin_text) {
  std::vector<std::string> all{chitu_command()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return Process(all, working_folder, stdin_text).finish();
}

fs::path tiny_model() { return fs::path(CHITU_TEST_DATA) / "pipelines/wan-unipc"; }

std::string of_tiny_model() { return "model.ckpt_dir=" + tiny_model().string(); }

std::vector<std::string> tiny_run(const std::vector<std::string>& more) {
  std::vector<std::string> arguments{
      "run",          of_tiny_model(),         "prompt=cat",       "width=32", "height=32",
      "num_frames=5", "num_inference_steps=2", "hydra.run.dir=run"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

bool begins_to_denoise(const std::filesystem::path& run_folder) {
  const auto log = run_folder / "run.log";
  for (int tries = 0; tries < 3000; ++tries) {
    if (std::filesystem::exists(log) &&
        read_file(log).find("stage denoise begins") != std::string::npos)
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

Finished Plans::run(const std::vector<std::string>& more) const {
  std::vector<std::string> arguments{"plan", of_tiny_model()};
  for (const auto* part : {&request_, &more})
    arguments.insert(arguments.end(), part->begin(), part->end());
  const TemporaryFolder folder;
  return chitu(arguments, folder.path());
}

nlohmann::json Plans::json(std::vector<std::string> more) const {
  more.insert(more.end(), {"--format", "json"});
  const Finished finished = run(more);
  INFO(finished.err);
  REQUIRE(finished.exit_code == 0);
  return nlohmann::json::parse(finished.out);
}

}  // namespace chitu::testing
