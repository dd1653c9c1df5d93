#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

namespace chitu::testing {

/// Result of a finished process.
struct Finished {
  int exit_code;  ///< 128 + the signal's number if one ended it
  std::string out;
  std::string err;
};

/// Starts a program and returns; finish() waits for it.
class Process {
 public:
  /// arguments[0] is the program. `stdin_text` is its whole input.
  Process(const std::vector<std::string>& arguments, const std::filesystem::path& working_folder,
          const std::string& stdin_text = "");
  void send(int signal) const;
  int id() const { return pid_; }
  Finished finish();

 private:
  std::filesystem::path scratch_;
  int pid_;
};

/// Runs `chitu` with these arguments in the folder.
Finished chitu(const std::vector<std::string>& arguments,
               const std::filesystem::path& working_folder, const std::string& stdin_text = "");

/// The path of the command under test.
std::string chitu_command();

/// The folder of a checkpoint that runs in a fraction of a second, and the override that names it.
std::filesystem::path tiny_model();
std::string of_tiny_model();

/// The arguments of a generation of a fraction of a second with it, into the folder `run`.
std::vector<std::string> tiny_run(const std::vector<std::string>& more);

/// Waits until the run in this folder denoises: its log says so. False if that takes a minute.
bool begins_to_denoise(const std::filesystem::path& run_folder);

/// `chitu plan` with the tiny model and a request that tests share.
class Plans {
 public:
  explicit Plans(std::vector<std::string> request) : request_(std::move(request)) {}
  Finished run(const std::vector<std::string>& more) const;
  /// What it prints as JSON.
  nlohmann::json json(std::vector<std::string> more) const;

 private:
  std::vector<std::string> request_;
};

}  // namespace chitu::testing
