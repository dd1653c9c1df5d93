#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "tools/chitu/engine_library.h"
#include "tools/chitu/subcommand.h"

namespace chitu::tools {

/// Declares --quiet and --log-level, which every subcommand has.
void declare_console_flags(CLI::App& app);

std::vector<Subcommand::FlagText> plain_flags(const CLI::App& app);

/// Parses with CLI11. Returns false when --help was asked for and printed.
///
/// throws  InputError for what CLI11 refuses
bool parse_plain(CLI::App& app, const Words& arguments, const Subcommand::Description& description);

/// The long flags of the app, or the values of the flag before the word being typed. A flag lists
/// its values as the name of its type: "auto|cpu|cuda".
Words complete_plain(const CLI::App& app, const Words& before, const std::string& typed);

/// A subcommand that composes no configuration: its flags fill in a call of the engine library.
template <class Call>
class PlainSubcommand : public Subcommand {
 public:
  int run(const std::string& name, const Words& arguments, EngineLibrary& engine) const final {
    CLI::App app("", "chitu " + name);
    Call call;
    declare_all(app, call);
    return parse_plain(app, arguments, describe()) ? engine.run(engine_call(call)) : 0;
  }

  Words complete(const Words& before, const std::string& typed) const final {
    CLI::App app;
    Call call;
    declare_all(app, call);
    return complete_plain(app, before, typed);
  }

  std::vector<FlagText> flags() const final {
    CLI::App app;
    Call call;
    declare_all(app, call);
    return plain_flags(app);
  }

 protected:
  virtual void declare(CLI::App& app, Call& call) const = 0;

 private:
  void declare_all(CLI::App& app, Call& call) const {
    declare(app, call);
    declare_console_flags(app);
  }
};

}  // namespace chitu::tools
