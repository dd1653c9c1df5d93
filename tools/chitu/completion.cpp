#include "tools/chitu/completion.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <ostream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "tools/chitu/subcommand.h"

namespace chitu::tools {
namespace {

// Readline splits words at = and :, so a candidate must not repeat what comes before the last of
// them.
constexpr const char* kBash = R"script(_chitu_complete() {
  local line=${COMP_LINE:0:COMP_POINT} token before candidate
  token=${line##* }
  before=${token%"${token##*[=:]}"}
  COMPREPLY=()
  while IFS= read -r candidate; do
    COMPREPLY+=("${candidate#"$before"}")
  done < <(COMP_LINE=$line "$1" --shell-completion query=bash 2>/dev/null)
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=./] ]]; then compopt -o nospace; fi
}
complete -o bashdefault -o default -F _chitu_complete chitu
)script";

constexpr const char* kZsh = R"script(_chitu_complete() {
  local candidate
  local -a whole open
  for candidate in ${(f)"$(COMP_LINE=${(pj: :)words[1,CURRENT]} ${words[1]} --shell-completion query=zsh 2>/dev/null)"}; do
    if [[ $candidate == *[=./] ]]; then open+=($candidate); else whole+=($candidate); fi
  done
  (( ${#open} )) && compadd -S '' -- $open
  (( ${#whole} )) && compadd -- $whole
  (( ${#open} + ${#whole} )) || _files
}
compdef _chitu_complete chitu
)script";

constexpr const char* kFish = R"script(function __chitu_complete
    env COMP_LINE=(commandline --current-process --cut-at-cursor | string collect) chitu --shell-completion query=fish 2>/dev/null
end
complete --command chitu --arguments '(__chitu_complete)'
)script";

/// The words of a line, without quotes; the last one is being typed and may be empty.
Words split(const std::string& line) {
  Words words{""};
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote && c == quote)
      quote = 0;
    else if (quote)
      words.back() += c;
    else if (c == '"' || c == '\'')
      quote = c;
    else if (c == '\\' && i + 1 < line.size())
      words.back() += line[++i];
    else if (c != ' ')
      words.back() += c;
    else if (!words.back().empty())
      words.emplace_back();
  }
  return words;
}

/// The first word may be a subcommand or, as the default one is run, a word of that.
Words complete_words(Words words) {
  const std::string typed = words.back();
  words.pop_back();
  words.erase(words.begin());  // the program
  const auto& subcommands = Registry<Subcommand>::instance();
  if (!words.empty())
    if (const Subcommand* found = subcommands.find(words.front()))
      return found->complete({words.begin() + 1, words.end()}, typed);
  Words names;
  if (words.empty()) names = starting_with(subcommands.names(), typed);
  const Words rest = subcommands.at(kDefaultSubcommand, "subcommand").complete(words, typed);
  names.insert(names.end(), rest.begin(), rest.end());
  return names;
}

}  // namespace

std::vector<std::string> complete_line(const std::string& line) {
  try {
    const Words words = split(line);
    return words.size() < 2 ? Words() : complete_words(words);
  } catch (const std::exception&) {
    return {};
  }
}

void completion_command(const Words& arguments, std::ostream& out) {
  const std::map<std::string, const char*> shells{{"bash", kBash}, {"fish", kFish}, {"zsh", kZsh}};
  const std::string what = arguments.size() == 1 ? arguments[0] : "";
  const std::size_t equals = std::min(what.find('='), what.size());
  const std::string action = what.substr(0, equals);
  const auto shell = equals < what.size() ? shells.find(what.substr(equals + 1)) : shells.end();
  if ((action != "install" && action != "query") || shell == shells.end())
    throw InputError("--shell-completion " + join(arguments, " ") +
                     ": expected install=SHELL or query=SHELL with bash, zsh or fish");
  if (action == "install") {
    out << shell->second;
    return;
  }
  const char* line = std::getenv("COMP_LINE");
  for (const std::string& candidate : complete_line(line ? line : "")) out << candidate << '\n';
}

}  // namespace chitu::tools
