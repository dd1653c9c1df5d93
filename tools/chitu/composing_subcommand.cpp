#include "tools/chitu/composing_subcommand.h"

#include <iostream>

#include "chitu_core/common/error.h"
#include "chitu_core/config/compose/info.h"
#include "tools/chitu/job.h"

namespace chitu::tools {
namespace {

constexpr const char* kOverrides =
    "  key=value    change a value   group=option   choose an option\n"
    "  +key=value   add one          +group=option  add a group\n"
    "  ++key=value  change or add    ~key, ~group   remove\n";

}  // namespace

void print_composing_help(const std::string& name, const Subcommand::Description& description,
                          const Flags& flags, const config::ComposeRequest& request) {
  const auto composition = config::compose(request);
  print_warnings(composition);
  const std::string operands = description.operands.empty() ? "" : " " + description.operands;
  std::cout << "usage: chitu " << name << operands << " [flags] [override ...]\n"
            << description.purpose << "\n\nFlags\n"
            << flags.help() << "\nGroups (group=option)\n"
            << config::group_list(composition, false) << "\nOverrides\n"
            << kOverrides << "\nExamples\n"
            << to_text(description.examples)
            << "\n`chitu config` prints the composed configuration: every key and its value.\n";
}

int with_request_hint(const Words& overrides, const std::function<int()>& work) {
  try {
    return work();
  } catch (const InputError& error) {
    const std::string hint = request_hint(error.what(), overrides);
    if (hint.empty()) throw;
    throw InputError(error.what() + hint);
  }
}

}  // namespace chitu::tools
