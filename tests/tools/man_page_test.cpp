#include "tools/chitu/man_page.h"

#include <set>
#include <sstream>

#include "chitu_core/common/files.h"
#include "chitu_core/common/registry.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"
#include "tools/chitu/subcommand.h"

namespace chitu::tools {
namespace {

using Catch::ContainsSubstring;

/// As the page writes a text: every - is \-.
std::string in_roff(std::string text) {
  for (std::size_t at = text.find('-'); at != std::string::npos; at = text.find('-', at + 2))
    text.insert(at, 1, '\\');
  return text;
}

TEST_CASE("the manual has every subcommand with its purpose, flags and examples", "[tools]") {
  const std::string page = man_page();
  for (const auto& [name, subcommand] : Registry<Subcommand>::instance().entries()) {
    INFO(name);
    const auto about = subcommand->describe();
    CHECK_THAT(page, ContainsSubstring("\n.SS chitu " + name + "\n" + in_roff(about.purpose)));
    REQUIRE_FALSE(subcommand->flags().empty());
    for (const auto& [usage, help] : subcommand->flags())
      CHECK_THAT(page, ContainsSubstring("\n.TP\n.B " + in_roff(usage) + "\n"));
    for (const auto& example : about.examples)
      CHECK_THAT(page, ContainsSubstring(in_roff(example.command)));
  }
  CHECK_THAT(page, ContainsSubstring(".B \\-\\-config\\-name, \\-cn NAME\n") &&
                       ContainsSubstring(".B \\-\\-quiet, \\-q\n") &&
                       ContainsSubstring(".B \\-\\-ckpt\\-dir DIR\n"));
}

TEST_CASE("every line of the manual that begins with a dot is a request of man(7)", "[tools]") {
  const std::set<std::string> requests{".TH", ".SH", ".SS", ".TP", ".B",
                                       ".BR", ".PP", ".EX", ".EE"};
  std::istringstream lines(man_page());
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with('.') || line.starts_with('\''))
      CHECK(requests.contains(line.substr(0, line.find(' '))));
}

TEST_CASE("the build wrote the manual that the command prints", "[e2e]") {
  const testing::TemporaryFolder folder;
  const auto printed = testing::chitu({"--man-page"}, folder.path());
  CHECK(printed.exit_code == 0);
  CHECK(printed.out == read_file(CHITU_BIN_DIR "/../man/chitu.1"));
}

}  // namespace
}  // namespace chitu::tools
