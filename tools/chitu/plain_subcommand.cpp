#include "tools/chitu/plain_subcommand.h"

#include <algorithm>
#include <cctype>
#include <iostream>
#include <sstream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "tools/chitu/console.h"
#include "tools/chitu/flags.h"

namespace chitu::tools {
namespace {

/// "--disk"; empty for a positional argument.
std::string long_name(const CLI::Option& option) {
  return option.get_lnames().empty() ? "" : "--" + option.get_lnames().front();
}

Words listed_values(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (type.find('|') == std::string::npos) return {};
  Words values;
  std::istringstream words(type);
  for (std::string word; std::getline(words, word, '|');) values.push_back(word);
  return values;
}

bool is_operand(const CLI::Option& option) { return long_name(option).empty(); }

/// "run|record|update", or the name in capitals.
std::string operand_usage(const CLI::Option& option) {
  if (!listed_values(option).empty()) return option.get_type_name();
  std::string name = option.get_name();
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
  return name;
}

std::string flag_usage(const CLI::Option& option) {
  std::string usage = long_name(option);
  for (const std::string& letter : option.get_snames()) usage += ", -" + letter;
  if (option.get_items_expected_max() > 0) usage += " " + option.get_type_name();
  return usage;
}

Subcommand::FlagText text_of(const CLI::Option& option) {
  const std::string fallback = option.get_default_str();
  return {is_operand(option) ? operand_usage(option) : flag_usage(option),
          option.get_description() + (fallback.empty() ? "" : "; " + fallback + " by default")};
}

void print_help(const CLI::App& app, const Subcommand::Description& description) {
  std::vector<std::pair<std::string, std::string>> operands, flags;
  std::string usage = "usage: " + app.get_name();
  for (const CLI::Option* option : app.get_options()) {
    const auto [left, help] = text_of(*option);
    (is_operand(*option) ? operands : flags).emplace_back(left, help);
    if (is_operand(*option)) usage += " " + left;
  }
  std::cout << usage << " [flags]\n" << description.purpose << "\n";
  if (!operands.empty()) std::cout << "\nArguments\n" << help_lines(operands);
  std::cout << "\nFlags\n" << help_lines(flags) << "\nExamples\n" << to_text(description.examples);
}

}  // namespace

void declare_console_flags(CLI::App& app) {
  app.add_flag_callback(
      "-q,--quiet", [] { console::choose_level("error"); }, "print nothing but results and errors");
  app.add_option_function<std::string>("--log-level", console::choose_level,
                                       "what standard error shows")
      ->type_name(join(console::levels(), "|"));
}

std::vector<Subcommand::FlagText> plain_flags(const CLI::App& app) {
  std::vector<Subcommand::FlagText> texts;
  for (const CLI::Option* option : app.get_options()) texts.push_back(text_of(*option));
  return texts;
}

bool parse_plain(CLI::App& app, const Words& arguments,
                 const Subcommand::Description& description) {
  app.set_help_flag("--help,-h", "this text");
  Words reversed(arguments.rbegin(), arguments.rend());  // CLI11 takes the last word first
  try {
    app.parse(reversed);
    return true;
  } catch (const CLI::CallForHelp&) {
    print_help(app, description);
    return false;
  } catch (const CLI::ParseError& error) {
    throw InputError(app.get_name() + ": " + error.what());
  }
}

Words complete_plain(const CLI::App& app, const Words& before, const std::string& typed) {
  Words names;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = long_name(*option);
    if (name.empty()) continue;
    const Words values = listed_values(*option);
    if (!before.empty() && before.back() == name && !values.empty())
      return starting_with(values, typed);
    names.push_back(name);
  }
  return typed.starts_with('-') ? starting_with(names, typed) : Words();
}

}  // namespace chitu::tools
