#pragma once

#include <string>
#include <vector>

namespace chitu::tools {

class EngineLibrary;
using Words = std::vector<std::string>;

/// What `chitu` does when no subcommand is named.
constexpr const char* kDefaultSubcommand = "run";

/// The headings of `chitu --help`, in its order.
enum class SubcommandGroup { generate, look_ahead, check, machine, text };

/// One subcommand of `chitu`. Usage, dispatch, --help and completion all read
/// Registry<Subcommand>; a new subcommand is a file in subcommands/ that registers itself.
class Subcommand {
 public:
  struct Example {
    std::string command;  ///< as typed in a shell
    std::string note;     ///< what it does; may be empty
  };
  struct Description {
    SubcommandGroup group;
    std::string summary;  ///< a line of `chitu --help`
    std::string purpose;  ///< the sentence that opens its own --help
    std::vector<Example> examples;
    std::string operands{};  ///< words that are neither flags nor overrides: "LIST"
  };

  struct FlagText {
    std::string usage;  ///< "--config-name, -cn NAME"
    std::string help;
  };

  virtual ~Subcommand() = default;
  virtual Description describe() const = 0;
  /// Its flags, and arguments that have no flag.
  virtual std::vector<FlagText> flags() const = 0;

  /// Carries it out, --help included.
  ///
  /// name       under which it is registered
  /// arguments  what follows the name
  /// returns    the exit code
  /// throws     InputError for wrong input; what the work itself throws
  virtual int run(const std::string& name, const Words& arguments, EngineLibrary& engine) const = 0;

  /// What the word being typed may become, after the complete words before it.
  virtual Words complete(const Words& before, const std::string& typed) const = 0;
};

/// The examples as --help shows them, a line each.
std::string to_text(const std::vector<Subcommand::Example>& examples);

/// The candidates that begin with `word`, sorted.
Words starting_with(const Words& candidates, const std::string& word);

}  // namespace chitu::tools
