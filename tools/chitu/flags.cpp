#include "tools/chitu/flags.h"

#include <algorithm>
#include <iterator>
#include <sstream>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/nearest.h"

namespace chitu::tools {
namespace {

using Words = Flags::Words;

constexpr std::size_t kHelpColumn = 34;

void check_choice(const std::string& flag, const Words& choices, const std::string& value) {
  if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  throw InputError(flag + " " + value + ": " + expected_one_of(value, choices));
}

/// "--name=value" in two; the value is absent in other words.
std::pair<std::string, Words> split_value(const std::string& word) {
  const std::size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
  if (equals == std::string::npos) return {word, {}};
  return {word.substr(0, equals), {word.substr(equals + 1)}};
}

}  // namespace

std::string help_lines(const std::vector<std::pair<std::string, std::string>>& texts) {
  std::string text;
  for (const auto& [usage, help] : texts) {
    std::string left = "  " + usage;
    left.append(left.size() < kHelpColumn ? kHelpColumn - left.size() : 2, ' ');
    text += left + help + "\n";
  }
  return text;
}

void Flags::add(const Name& name, const std::string& help, bool& target) {
  add(name, "", help, [&target](const Words&) { target = true; });
}

void Flags::add(const Name& name, const std::string& values, const std::string& help,
                std::string& target) {
  add(name, values, help, [&target](const Words& given) { target = given[0]; });
}

void Flags::add(const Name& name, const std::string& values, const std::string& help,
                std::optional<std::string>& target) {
  add(name, values, help, [&target](const Words& given) { target = given[0]; });
}

void Flags::add(const Name& name, const std::string& values, const std::string& help, Setter set) {
  std::istringstream words(values);
  Words placeholders{std::istream_iterator<std::string>(words), {}};
  flags_.push_back({name, std::move(placeholders), help, std::move(set)});
}

/// The listed values, without the brackets of an optional one.
Words Flags::Flag::choices() const {
  if (placeholders.size() != 1 || placeholders[0].find('|') == std::string::npos) return {};
  std::string values = placeholders[0];
  if (is_optional()) values = values.substr(1, values.size() - 2);
  Words choices;
  std::istringstream words(values);
  for (std::string word; std::getline(words, word, '|');) choices.push_back(word);
  return choices;
}

const Flags::Flag* Flags::find(const std::string& name) const {
  for (const Flag& flag : flags_)
    if (name == flag.name.full || (!flag.name.alias.empty() && name == flag.name.alias))
      return &flag;
  return nullptr;
}

const Flags::Flag& Flags::at(const std::string& name) const {
  if (const Flag* found = find(name)) return *found;
  throw InputError("unknown flag " + name + did_you_mean(name, names()) +
                   "; to pass a text that begins with - quote it as key='...'");
}

/// Takes the values of a flag from the words behind it; `next` is the first that is not taken.
Words Flags::take_values(const Flag& flag, Words values, const Words& arguments,
                         std::size_t& next) {
  const std::string& name = flag.name.full;
  const Words choices = flag.choices();
  if (flag.is_optional() && values.empty()) {
    const bool given = next < arguments.size() &&
                       std::find(choices.begin(), choices.end(), arguments[next]) != choices.end();
    if (!given) return {choices.front()};
  }
  const std::size_t count = flag.placeholders.size();
  while (values.size() < count && next < arguments.size()) values.push_back(arguments[next++]);
  if (values.size() < count)
    throw InputError(name + " needs a value: " + name + " " + join(flag.placeholders, " "));
  if (values.size() > count) throw InputError(name + " takes no value");
  if (count == 1) check_choice(name, choices, values[0]);
  return values;
}

void Flags::parse(const Words& arguments, Words& others) const {
  for (std::size_t next = 0; next < arguments.size();) {
    const std::string& word = arguments[next++];
    if (word == "--") {
      others.insert(others.end(), arguments.begin() + static_cast<std::ptrdiff_t>(next),
                    arguments.end());
      return;
    }
    if (!word.starts_with('-') || word == "-") {
      others.push_back(word);
      continue;
    }
    auto [name, values] = split_value(word);
    const Flag& flag = at(name);
    flag.set(take_values(flag, std::move(values), arguments, next));
  }
}

std::vector<std::pair<std::string, std::string>> Flags::texts() const {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const Flag& flag : flags_) {
    std::string usage = flag.name.full;
    if (!flag.name.alias.empty()) usage += ", " + flag.name.alias;
    if (!flag.placeholders.empty()) usage += " " + join(flag.placeholders, " ");
    texts.emplace_back(std::move(usage), flag.help);
  }
  return texts;
}

std::string Flags::help() const { return help_lines(texts()); }

Words Flags::names() const {
  Words names;
  for (const Flag& flag : flags_) names.push_back(flag.name.full);
  return names;
}

Words Flags::placeholders(const std::string& name) const {
  const Flag* found = find(name);
  return found ? found->placeholders : Words();
}

Words Flags::choices(const std::string& name) const {
  const Flag* found = find(name);
  return found ? found->choices() : Words();
}

}  // namespace chitu::tools
