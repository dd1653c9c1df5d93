#include <dlfcn.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/yaml_writer.h"
#include "tools/chitu/command_line.h"
#include "tools/chitu/config_command.h"
#include "tools/chitu/engine_commands.h"

namespace {

using chitu::tools::ComposeFlags;
using chitu::tools::EngineCall;
using Arguments = std::vector<std::string>;

constexpr const char* kUsage = R"(chitu: diffusion models on as little memory as there is

usage: chitu [SUBCOMMAND] [flags] [key=value ...]

  run        compose, generate, write outputs/<date>/<time>/ (the default)
  config     print the composed configuration
  graph      print the stages, their components and lifetimes
  tokenize   JSON texts on standard input to token ids
  info       devices, libraries, registered models, strategies and backends

  chitu prompt="a red circle" request.seed=7
  chitu run model.ckpt_dir=Wan2.1-T2V-1.3B-Diffusers --prompt "a cat, on the grass"

`chitu SUBCOMMAND --help` lists the flags; `chitu config` shows every key.
)";

/// Opens the engine library beside this executable and runs the call in it.
int run_in_engine(const EngineCall& call) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string name = "libchitu_commands.so";
  void* library = nullptr;
  std::string reason;
  for (const auto& path : {folder / ".." / "lib" / name, folder / name}) {
    if (!std::filesystem::exists(path)) continue;
    library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (!library) reason = ::dlerror();
    break;
  }
  if (!library)
    throw chitu::Error("cannot load the engine library: " +
                       (reason.empty() ? name + " is not beside the command" : reason));
  using Entry = decltype(&chitu_engine_command);
  return reinterpret_cast<Entry>(::dlsym(library, "chitu_engine_command"))(call);
}

void add_compose_flags(CLI::App& app, ComposeFlags& flags) {
  app.add_option("--config-path,-p", flags.config_path, "folder of the primary config");
  app.add_option("--config-dir", flags.config_dir, "a further folder of configs");
  app.add_option("--config-name", flags.config_name, "the primary config");
  app.add_option("--prompt", flags.prompt, "request.prompt, taken literally");
  app.add_option("--negative-prompt", flags.negative_prompt,
                 "request.negative_prompt, taken literally");
  app.add_option("overrides", flags.overrides, "key=value, +key=value, ~key, group=option");
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

chitu::config::Composition compose(const ComposeFlags& flags) {
  try {
    auto composition = chitu::config::compose(flags.request());
    for (const std::string& warning : composition.warnings)
      std::cerr << "warning: " << warning << "\n";
    return composition;
  } catch (const chitu::InputError& error) {
    const std::string hint = chitu::tools::request_hint(error.what(), flags.overrides);
    if (hint.empty()) throw;
    throw chitu::InputError(error.what() + hint);
  }
}

int run(const Arguments& arguments) {
  CLI::App app("Composes the configuration, generates, and writes outputs/<date>/<time>/",
               "chitu run");
  ComposeFlags flags;
  add_compose_flags(app, flags);
  std::string show;
  app.add_option("--cfg,-c", show, "print the configuration instead of running: job, hydra or all")
      ->check(CLI::IsMember({"job", "hydra", "all"}));
  if (const auto code = parse(app, arguments)) return *code;
  EngineCall call{"run", compose(flags), "", ""};
  if (show.empty()) return run_in_engine(call);
  const auto& root = call.composition.root;
  std::cout << chitu::config::to_yaml(show == "job"   ? call.composition.config
                                      : show == "all" ? root
                                                      : root.at("hydra"));
  return 0;
}

int graph(const Arguments& arguments) {
  CLI::App app("Prints the stages of the model's pipeline, what each reads, makes and uses",
               "chitu graph");
  ComposeFlags flags;
  add_compose_flags(app, flags);
  EngineCall call{"graph", {}, "text", ""};
  app.add_option("--format", call.format, "text, mermaid, dot or json")
      ->check(CLI::IsMember({"text", "mermaid", "dot", "json"}));
  if (const auto code = parse(app, arguments)) return *code;
  call.composition = compose(flags);
  return run_in_engine(call);
}

int tokenize(const Arguments& arguments) {
  CLI::App app("Turns a JSON array of texts on standard input into [{\"text\", \"ids\"}]",
               "chitu tokenize");
  EngineCall call{"tokenize", {}, "", ""};
  app.add_option("--ckpt-dir", call.ckpt_dir, "a checkpoint in the diffusers layout")->required();
  if (const auto code = parse(app, arguments)) return *code;
  return run_in_engine(call);
}

int info(const Arguments& arguments) {
  CLI::App app("Prints devices, libraries and what is registered", "chitu info");
  if (const auto code = parse(app, arguments)) return *code;
  return run_in_engine({"info", {}, "", ""});
}

int config(const Arguments& arguments) {
  return chitu::tools::config_command(arguments, std::cout, std::cerr,
                                      {chitu::tools::data_folder() / "config", "chitu"});
}

int dispatch(Arguments arguments) {
  const std::map<std::string, int (*)(const Arguments&)> commands{
      {"run", run}, {"config", config}, {"graph", graph}, {"tokenize", tokenize}, {"info", info}};
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" ||
      arguments[0] == "help") {
    std::cout << kUsage;
    return 0;
  }
  if (arguments[0] == "--version") {
    std::cout << "chitu " << CHITU_VERSION << "\n";
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

int main(int argc, char** argv) {
  try {
    chitu::tools::register_chitu_resolver();
    return dispatch(Arguments(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::cerr << "error: " << chitu::explain(error) << "\n";
    return chitu::exit_code(error);
  }
}
