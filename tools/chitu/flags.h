#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chitu::tools {

/// What --help shows beside each other: "--config-name, -cn NAME", and what it does; a line each.
std::string help_lines(const std::vector<std::pair<std::string, std::string>>& texts);

/// The flags of one command line. Each is declared once, and read by the parser, --help and
/// completion. Hydra's rules need a parser of our own: short names of several letters (-cn), a
/// value that may be left out (--info), and texts that are taken exactly as typed.
class Flags {
 public:
  using Words = std::vector<std::string>;
  using Setter = std::function<void(const Words& values)>;
  struct Name {
    Name(const char* name, const char* short_name = "") : full(name), alias(short_name) {}
    std::string full, alias;  ///< "--config-name", "-cn"
  };

  /// A switch.
  void add(const Name& name, const std::string& help, bool& target);
  /// A flag with a value. `values` is a placeholder (FILE) or lists what is allowed (yaml|json).
  void add(const Name& name, const std::string& values, const std::string& help,
           std::string& target);
  void add(const Name& name, const std::string& values, const std::string& help,
           std::optional<std::string>& target);
  /// A flag with other effects. `values` has a placeholder a value ("KEY FILE"), is empty for a
  /// switch, and is in brackets ("[all|config]") when the value may be left out: the first one then
  /// counts.
  void add(const Name& name, const std::string& values, const std::string& help, Setter set);

  /// Sets the targets. Words that are no flags, and all behind `--`, are appended to `others`.
  ///
  /// throws  InputError for an unknown flag, with the nearest one, and for a missing or an unknown
  ///         value
  void parse(const Words& arguments, Words& others) const;

  /// Each flag as "--config-name, -cn NAME", and its help.
  std::vector<std::pair<std::string, std::string>> texts() const;
  /// The same, a line each.
  std::string help() const;

  /// For completion: the long names; the placeholders of a flag's values, none for a switch or an
  /// unknown flag; the values that it lists, empty when any text will do.
  Words names() const;
  Words placeholders(const std::string& name) const;
  Words choices(const std::string& name) const;

 private:
  struct Flag {
    Name name;
    Words placeholders;
    std::string help;
    Setter set;
    bool is_optional() const { return !placeholders.empty() && placeholders[0].starts_with('['); }
    Words choices() const;
  };
  const Flag* find(const std::string& name) const;
  const Flag& at(const std::string& name) const;
  static Words take_values(const Flag& flag, Words values, const Words& arguments,
                           std::size_t& next);

  std::vector<Flag> flags_;
};

}  // namespace chitu::tools
