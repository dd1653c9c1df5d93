#include "tools/chitu/dispatch.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/registry.h"
#include "tools/chitu/completion.h"
#include "tools/chitu/man_page.h"

namespace chitu::tools {
namespace {

constexpr const char* kHead =
    "chitu: text to video, image to video and text to image in the memory you have\n"
    "\n"
    "usage: chitu [SUBCOMMAND] [flags] [key=value ...]\n"
    "\n"
    "  chitu prompt=\"a red circle moving right on a white background\"\n"
    "      makes a video with the demo model, and prints its path\n";

constexpr const char* kTail =
    "\n"
    "Without a subcommand it is `run`. `chitu SUBCOMMAND --help` shows flags and examples,\n"
    "`chitu config` every key and its value. Completion of both, in bash (or zsh, fish):\n"
    "  eval \"$(chitu -sc install=bash)\"\n";

constexpr std::array kGroups{std::pair{SubcommandGroup::generate, "Generate"},
                             std::pair{SubcommandGroup::look_ahead, "Look before you run"},
                             std::pair{SubcommandGroup::check, "Compare results"},
                             std::pair{SubcommandGroup::machine, "This machine"},
                             std::pair{SubcommandGroup::text, "Text"}};

const Registry<Subcommand>& subcommands() { return Registry<Subcommand>::instance(); }

bool is_one_of(const std::string& word, const Words& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// A word that is neither a flag nor an override can only be a subcommand.
bool is_bare_word(const std::string& word) {
  return word.find_first_of("=+~-@/.") == std::string::npos;
}

}  // namespace

std::string usage() {
  constexpr std::size_t kColumn = 11;
  std::string text = kHead;
  for (const auto& [group, heading] : kGroups) {
    text += std::string("\n") + heading + "\n";
    for (const auto& [name, subcommand] : subcommands().entries())
      if (const auto about = subcommand->describe(); about.group == group)
        text += "  " + name + std::string(kColumn - std::min(kColumn - 1, name.size()), ' ') +
                about.summary + "\n";
  }
  return text + kTail;
}

int dispatch(Words arguments, EngineLibrary& engine) {
  const std::string first = arguments.empty() ? "--help" : arguments[0];
  if (is_one_of(first, {"--help", "-h", "help"})) {
    std::cout << usage();
    return 0;
  }
  if (first == "--version") {
    std::cout << "chitu " << CHITU_VERSION << "\n";
    return 0;
  }
  if (first == "--man-page") {
    std::cout << man_page();
    return 0;
  }
  if (is_one_of(first, {"--shell-completion", "-sc"})) {
    completion_command({arguments.begin() + 1, arguments.end()}, std::cout);
    return 0;
  }
  const Subcommand* found = subcommands().find(first);
  if (!found && is_bare_word(first))
    throw InputError("unknown subcommand " + first + ", " +
                     expected_one_of(first, subcommands().names()));
  if (!found)
    return subcommands()
        .at(kDefaultSubcommand, "subcommand")
        .run(kDefaultSubcommand, arguments, engine);
  arguments.erase(arguments.begin());
  return found->run(first, arguments, engine);
}

}  // namespace chitu::tools
