#include "tools/chitu/compose_flags.h"

#include <fmt/format.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/utf8.h"
#include "tools/chitu/console.h"

namespace chitu::tools {
namespace {

using Words = Flags::Words;

/// The text of a file, without the line break with which editors end the last line.
std::string text_of_file(const std::string& key, const std::string& file) {
  try {
    std::string text = read_file(file);
    if (const auto bad = first_bad_byte(text))
      throw InputError(fmt::format("{}: not valid UTF-8 at byte {}", file, *bad + 1));
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    return text;
  } catch (const InputError& error) {
    throw InputError("--set-file " + key + ": " + error.what());
  }
}

}  // namespace

void declare_console_flags(Flags& flags) {
  flags.add({"--quiet", "-q"}, "", "print nothing but results and errors",
            [](const Words&) { console::choose_level("error"); });
  flags.add("--log-level", join(console::levels(), "|"), "what standard error shows",
            [](const Words& given) { console::choose_level(given[0]); });
}

void ComposeFlags::declare(Flags& flags) {
  declare_prompts(flags);
  declare_general(flags);
}

void ComposeFlags::declare_prompts(Flags& flags) {
  flags.add("--prompt", "TEXT", "set request.prompt to this text, as typed",
            [this](const Words& given) { texts.emplace_back("request.prompt", given[0]); });
  flags.add("--negative-prompt", "TEXT",
            "set request.negative_prompt to this text, as typed; `null` unsets it",
            [this](const Words& given) {
              if (given[0] == "null")
                overrides.emplace_back("request.negative_prompt=null");
              else
                texts.emplace_back("request.negative_prompt", given[0]);
            });
}

void ComposeFlags::declare_general(Flags& flags) {
  flags.add({"--config-dir", "-cd"}, "DIR", "look for configs there too", config_dir);
  flags.add({"--config-path", "-cp"}, "DIR", "the directory of the primary config", config_path);
  flags.add({"--config-name", "-cn"}, "NAME", "the primary config", config_name);
  flags.add("--set-str", "KEY TEXT", "set a key to this text, as typed",
            [this](const Words& given) { texts.emplace_back(given[0], given[1]); });
  flags.add("--set-file", "KEY FILE",
            "set a key to the text of a file, without its last line break",
            [this](const Words& given) {
              texts.emplace_back(given[0], text_of_file(given[0], given[1]));
            });
  declare_console_flags(flags);
}

Words ComposeFlags::words() const {
  Words words;
  const auto add = [&](const char* flag, const std::optional<std::string>& value) {
    if (value) words.insert(words.end(), {flag, *value});
  };
  add("--config-dir", config_dir);
  add("--config-path", config_path);
  add("--config-name", config_name);
  return words;
}

}  // namespace chitu::tools
