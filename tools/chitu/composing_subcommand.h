#pragma once

#include <functional>
#include <string>

#include "tools/chitu/command_line.h"
#include "tools/chitu/composing_completion.h"
#include "tools/chitu/engine_library.h"
#include "tools/chitu/flags.h"
#include "tools/chitu/subcommand.h"

namespace chitu::tools {

/// Prints the --help of a subcommand that composes: its flags, the groups that `request` finds,
/// overrides and examples.
void print_composing_help(const std::string& name, const Subcommand::Description& description,
                          const Flags& flags, const config::ComposeRequest& request);

/// Does the work; an error about a key of a request gets a hint what to type instead.
int with_request_hint(const Words& overrides, const std::function<int()>& work);

/// A subcommand that composes a configuration. `Options` derives from ComposeFlags and declares the
/// flags in declare(Flags&).
template <class Options>
class ComposingSubcommand : public Subcommand {
 public:
  int run(const std::string& name, const Words& arguments, EngineLibrary& engine) const final {
    Options options;
    bool help = false;
    const Flags flags = declared(options, help);
    flags.parse(arguments, options.overrides);
    return with_request_hint(options.overrides, [&] {
      if (!help) return execute(options, engine);
      print_composing_help(name, describe(), flags, compose_request(options, trees()));
      return 0;
    });
  }

  std::vector<FlagText> flags() const final {
    Options options;
    bool help = false;
    std::vector<FlagText> texts;
    for (auto& [usage, text] : declared(options, help).texts())
      texts.push_back({std::move(usage), std::move(text)});
    return texts;
  }

  Words complete(const Words& before, const std::string& typed) const final {
    Options options;
    bool help = false;
    return complete_composing(declared(options, help), options, trees(), before, typed);
  }

 protected:
  virtual int execute(const Options& options, EngineLibrary& engine) const = 0;
  /// Which configurations it composes.
  virtual ConfigTrees trees() const { return ConfigTrees::chitus; }

 private:
  static Flags declared(Options& options, bool& help) {
    Flags flags;
    options.declare(flags);
    flags.add({"--help", "-h"}, "this text", help);
    return flags;
  }
};

}  // namespace chitu::tools
