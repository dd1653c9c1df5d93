#include <dlfcn.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/config/error.h"
#include "tools/chitu/command_flags.h"
#include "tools/chitu/command_line.h"
#include "tools/chitu/completion.h"
#include "tools/chitu/config_command.h"
#include "tools/chitu/engine_commands.h"
#include "tools/chitu/job.h"
#include "tools/chitu/standard_output.h"
#include "tools/chitu/sweep_command.h"

namespace {

using chitu::tools::CommandFlags;
using chitu::tools::EngineCall;
using chitu::tools::Subcommand;
using Arguments = std::vector<std::string>;

constexpr const char* kUsage = R"usage(chitu: diffusion models on as little memory as there is

usage: chitu [SUBCOMMAND] [flags] [key=value ...]

  run        compose, generate, write outputs/<date>/<time>/ (the default)
  config     print the composed configuration
  plan       memory, copies and arithmetic of every low_mem_level, without running
  calibrate  measure this machine, for the least times that plan tells
  graph      print the stages, their components and lifetimes
  tokenize   JSON texts on standard input to token ids
  info       devices, libraries, registered models, strategies and backends

  chitu prompt="a red circle" request.seed=7
  chitu run model.ckpt_dir=Wan2.1-T2V-1.3B-Diffusers --prompt "a cat, on the grass"
  chitu run --multirun prompt="a red circle","a blue cross" request.seed=1,2

`chitu SUBCOMMAND --help` lists the flags; `chitu config` shows every key;
`eval "$(chitu -sc install=bash)"` teaches bash to complete both (zsh and fish alike).
)usage";

bool engine_is_open = false;
bool ends_by_itself = false;

/// A library that ends the process has met a limit of the system and said so, as OpenMP does where
/// no thread can be started.
void on_exit() {
  if (!ends_by_itself) std::_Exit(chitu::exit_codes::kOutOfMemory);
}

[[noreturn]] void fail_to_load(const std::string& reason) {
  const std::string text = "cannot load the engine library: " + reason;
  // The loader gives no number; it names the limit in words.
  for (const int limit : {ENOMEM, EMFILE, ENFILE})
    if (reason.find(std::strerror(limit)) != std::string::npos)
      chitu::fail_system_call("cannot load the engine library", limit);
  if (reason.find("failed to map segment") != std::string::npos ||
      reason.find("cannot map") != std::string::npos ||
      reason.find("cannot allocate memory") != std::string::npos)
    chitu::fail_system_call("cannot load the engine library", ENOMEM);
  throw chitu::Error(text);
}

/// Opens the engine library beside this executable and runs the call in it.
int run_in_engine(const EngineCall& call) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string name = "libchitu_commands.so";
  void* library = nullptr;
  std::string reason;
  chitu::cpu_capability();  // a wrong CHITU_CPU_CAPABILITY is told about before anything is done
  for (const auto& path : {folder / ".." / "lib" / name, folder / name}) {
    if (!std::filesystem::exists(path)) continue;
    library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (!library) reason = ::dlerror();
    break;
  }
  if (!library) fail_to_load(reason.empty() ? name + " is not beside the command" : reason);
  engine_is_open = true;
  std::atexit(on_exit);  // behind the library's own: runs before them
  using Entry = decltype(&chitu_engine_command);
  return reinterpret_cast<Entry>(::dlsym(library, "chitu_engine_command"))(call);
}

/// Parses with CLI11; the exit code when there is nothing more to do (--help).
std::optional<int> parse(CLI::App& app, Arguments arguments) {
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes a stack
  try {
    app.parse(arguments);
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return 0;
  } catch (const CLI::ParseError& error) {
    throw chitu::InputError(app.get_name() + ": " + error.what());
  }
}

/// Composes by `work`; a mistake that is about a request is told what to type instead.
template <typename Work>
auto with_hint(const CommandFlags& flags, const Work& work) {
  try {
    return work();
  } catch (const chitu::InputError& error) {
    const std::string hint = chitu::tools::request_hint(error.what(), flags.overrides);
    if (hint.empty()) throw;
    throw chitu::InputError(error.what() + hint);
  }
}

void print_config(const CommandFlags& flags, Subcommand subcommand) {
  const auto request = chitu::tools::compose_request(flags, subcommand);
  with_hint(flags, [&] {
    chitu::tools::config_command(flags, request, subcommand, std::cout, std::cerr);
  });
}

/// The configuration of one run; nothing when it asks for a sweep itself.
std::optional<chitu::config::Composition> compose_single(
    const chitu::config::ComposeRequest& request) {
  try {
    auto composition = chitu::config::compose(request);
    if (!chitu::tools::asks_for_sweep(composition)) return composition;
  } catch (const chitu::InputError&) {
    // A sweep among the overrides is no mistake where the mode is that of a sweep.
    auto sweepable = request;
    sweepable.multirun = true;
    if (!chitu::tools::asks_for_sweep(chitu::config::compose(sweepable))) throw;
  }
  return std::nullopt;
}

int run(const Arguments& arguments) {
  const auto flags = chitu::tools::parse_flags(arguments, Subcommand::run);
  if (flags.only_prints()) {
    print_config(flags, Subcommand::run);
    return 0;
  }
  chitu::cpu_capability();  // a wrong CHITU_CPU_CAPABILITY is told once, not by every job
  const auto request = chitu::tools::compose_request(flags, Subcommand::run);
  return with_hint(flags, [&] {
    if (!flags.multirun)
      if (auto single = compose_single(request))
        return chitu::tools::run_once(std::move(*single), run_in_engine);
    return chitu::tools::run_sweep(request, run_in_engine);
  });
}

int graph(const Arguments& arguments) {
  const auto flags = chitu::tools::parse_flags(arguments, Subcommand::graph);
  if (flags.help) {
    std::cout << "chitu graph [flags] [override...]: prints the stages of the model's pipeline, "
                 "what each reads, makes and uses\n\nFlags\n"
              << chitu::tools::flags_help(Subcommand::graph);
    return 0;
  }
  const auto request = chitu::tools::compose_request(flags, Subcommand::graph);
  EngineCall call{.command = "graph", .format = flags.format};
  call.composition = with_hint(flags, [&] { return chitu::config::compose(request); });
  chitu::tools::name_output_folder(call.composition);
  return run_in_engine(call);
}

int plan(const Arguments& arguments) {
  const auto flags = chitu::tools::parse_flags(arguments, Subcommand::plan);
  if (flags.help) {
    std::cout << "chitu plan [flags] [override...]: prints what the request would take at every "
                 "low_mem_level, without weights, GPU or prompt\n\nFlags\n"
              << chitu::tools::flags_help(Subcommand::plan);
    return 0;
  }
  const auto request = chitu::tools::compose_request(flags, Subcommand::plan);
  EngineCall call{.command = "plan", .format = flags.format, .fit = flags.fit};
  call.explain = flags.explain_peaks;
  call.dry = flags.dry;
  call.composition = with_hint(flags, [&] { return chitu::config::compose(request); });
  chitu::tools::name_output_folder(call.composition);
  return run_in_engine(call);
}

int tokenize(const Arguments& arguments) {
  CLI::App app("Turns a JSON array of texts on standard input into [{\"text\", \"ids\"}]",
               "chitu tokenize");
  EngineCall call{.command = "tokenize"};
  app.add_option("--ckpt-dir", call.ckpt_dir, "a checkpoint in the diffusers layout")->required();
  if (const auto code = parse(app, arguments)) return *code;
  return run_in_engine(call);
}

int calibrate(const Arguments& arguments) {
  CLI::App app(
      "Measures arithmetic, copies and the drive of this machine in less than a minute, and writes "
      "them as a file of the group device/profile",
      "chitu calibrate");
  EngineCall call{.command = "calibrate"};
  auto& given = call.calibrate;
  app.add_option("file", given.file, "to write, as DIR/device/profile/mine.yaml")->required();
  app.add_flag("--force", given.force, "write it even where there is one");
  app.add_option("--device", given.device, "auto, cpu, or an accelerator as cuda:1");
  app.add_option("--disk", given.disk, "the folder whose drive is measured, else the file's");
  if (const auto code = parse(app, arguments)) return *code;
  return run_in_engine(call);
}

int info(const Arguments& arguments) {
  CLI::App app("Prints devices, libraries and what is registered", "chitu info");
  if (const auto code = parse(app, arguments)) return *code;
  return run_in_engine({.command = "info"});
}

int config(const Arguments& arguments) {
  print_config(chitu::tools::parse_flags(arguments, Subcommand::config), Subcommand::config);
  return 0;
}

int dispatch(Arguments arguments) {
  const std::map<std::string, int (*)(const Arguments&)> commands{
      {"run", run},           {"config", config}, {"graph", graph},        {"plan", plan},
      {"tokenize", tokenize}, {"info", info},     {"calibrate", calibrate}};
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" ||
      arguments[0] == "help") {
    std::cout << kUsage;
    return 0;
  }
  if (arguments[0] == "--version") {
    std::cout << "chitu " << CHITU_VERSION << "\n";
    return 0;
  }
  if (arguments[0] == "--shell-completion" || arguments[0] == "-sc") {
    chitu::tools::completion_command({arguments.begin() + 1, arguments.end()}, std::cout);
    return 0;
  }
  const auto found = commands.find(arguments[0]);
  if (found == commands.end()) {
    // A bare word is neither a flag nor an override: surely a subcommand, misspelt.
    const bool word = arguments[0].find_first_of("=+~-@/.") == std::string::npos;
    std::vector<std::string> names;
    for (const auto& [name, command] : commands) names.push_back(name);
    if (word)
      throw chitu::InputError("unknown subcommand " + arguments[0] + ", expected one of " +
                              chitu::join(names) + chitu::did_you_mean(arguments[0], names));
    return run(arguments);
  }
  arguments.erase(arguments.begin());
  return found->second(arguments);
}

}  // namespace

namespace {

/// The exit code of the whole command; errors go to standard error.
int run_command_line(const Arguments& arguments) {
  try {
    chitu::tools::register_chitu_resolver();
    return dispatch(arguments);
  } catch (const chitu::config::ConfigErrors& errors) {
    std::cerr << chitu::tools::error_lines(errors.mistakes());
    return chitu::exit_code(errors);
  } catch (const std::exception& error) {
    std::cerr << chitu::tools::error_lines({chitu::explain(error)});
    return chitu::exit_code(error);
  }
}

}  // namespace

int main(int argc, char** argv) {
  chitu::end_in_one_line();
  ::mallopt(M_TOP_PAD, 16 << 20);  // few large steps to the kernel instead of many small ones
  chitu::tools::start_output();
  const int code = chitu::tools::finish_output(run_command_line(Arguments(argv + 1, argv + argc)));
  // Without the engine there is nothing left to do but to free memory, which takes milliseconds.
  if (!engine_is_open) std::_Exit(code);
  ends_by_itself = true;
  return code;
}
