#include "chitu_core/common/shell_text.h"

#include <cstdio>

#include "tests/support/catch.h"

namespace chitu {
namespace {

/// What a shell makes of a word.
std::string through_shell(const std::string& word) {
  const std::string line = "printf %s " + shell_quoted(word);
  FILE* pipe = ::popen(line.c_str(), "r");
  REQUIRE(pipe);
  std::string text;
  for (int c; (c = std::fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  ::pclose(pipe);
  return text;
}

TEST_CASE("a shell reads a quoted word back as it was", "[common]") {
  for (const std::string word : {"",      "a cat", "it's",         "'",
                                 "$HOME", "`ls`",  "a\\b",         "\"",
                                 "*",     "~",     "{a,b}",        "a\nb",
                                 "!x",    "#",     "prompt=a cat", "output.name={index:04d}-{seed}",
                                 "ä",     "-q",    "a;b",          "a&b",
                                 "[x]"})
    CHECK(through_shell(word) == word);
}

TEST_CASE("only words that need quotes get them", "[common]") {
  CHECK(shell_line({"chitu", "run", "prompt=a cat", "seed=1,2", "output.dir=/tmp/x_y-z@2:3%"}) ==
        "chitu run 'prompt=a cat' seed=1,2 output.dir=/tmp/x_y-z@2:3%");
  CHECK(shell_quoted("it's") == "'it'\\''s'");
}

}  // namespace
}  // namespace chitu
