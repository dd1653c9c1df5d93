#include "tests/docs/markdown.h"

#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::testing {
namespace {

Page page_of(const std::string& text) {
  const TemporaryFolder folder;
  write_file(folder / "page.md", text);
  return read_page(folder / "page.md");
}

TEST_CASE("the fenced and the indented blocks of a page are found") {
  const Page page = page_of("One:\n\n    chitu info\n    chitu graph\n\n```sh\nchitu\n```\n");
  REQUIRE(page.blocks.size() == 2);
  CHECK(page.blocks[0].language.empty());
  CHECK(page.blocks[0].text == "chitu info\nchitu graph\n");
  CHECK(page.blocks[0].line == 3);
  CHECK(page.blocks[1].language == "sh");
  CHECK(page.blocks[1].text == "chitu\n");
  CHECK(page.blocks[1].line == 7);
  CHECK(page.lines == 8);
}

TEST_CASE("spans, links and headings are read from running text only") {
  const Page page =
      page_of("# The `first` one, here\n\nSee `a=b` and [it](x.md#y).\n\n```text\n`c`\n```\n");
  REQUIRE(page.spans.size() == 2);
  CHECK(page.spans[1].text == "a=b");
  CHECK(page.spans[1].line == 3);
  REQUIRE(page.links.size() == 1);
  CHECK(page.links[0].target == "x.md#y");
  CHECK(page.anchors == std::vector<std::string>{"the-first-one-here"});
}

TEST_CASE("the commands of a shell text are split into words") {
  using Commands = std::vector<std::vector<std::string>>;
  CHECK(shell_commands("a 'b c' \\\n  d=\"e f\"  # g\n") == Commands{{"a", "b c", "d=e f"}});
  CHECK(shell_commands("a && b | c") == Commands{{"a"}, {"b"}, {"c"}});
  CHECK(shell_commands("a x#y # z") == Commands{{"a", "x#y"}});
  CHECK(shell_commands("a ''") == Commands{{"a", ""}});
}

}  // namespace
}  // namespace chitu::testing
