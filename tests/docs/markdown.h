#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace chitu::testing {

/// A fenced code block, or a run of indented lines, which has no language.
struct CodeBlock {
  std::string language;
  std::string text;  ///< whole lines, without the fences and the indentation
  int line;          ///< of its first line, from 1
};

/// A link to a file or a heading of this repository.
struct Link {
  std::string target;  ///< as written: docs/install.md#libtorch
  int line;
};

/// The text between two backticks in running text.
struct CodeSpan {
  std::string text;
  int line;
};

/// One page of the documentation, parsed for the tests.
struct Page {
  std::filesystem::path file;
  std::vector<CodeBlock> blocks;
  std::vector<CodeSpan> spans;
  std::vector<Link> links;
  std::vector<std::string> anchors;  ///< of its headings, as GitHub makes them
  int lines = 0;
};

Page read_page(const std::filesystem::path& file);

/// The commands of a shell block, each as its words: lines joined, comments and quotes removed,
/// split at `&&` and `|`.
std::vector<std::vector<std::string>> shell_commands(const std::string& text);

}  // namespace chitu::testing
