#include "tests/docs/markdown.h"

#include <algorithm>
#include <cctype>
#include <regex>
#include <sstream>

#include "chitu_core/common/files.h"

namespace chitu::testing {
namespace {

/// "The `chitu` command" becomes the-chitu-command.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char c : heading)
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-')
      anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (c == ' ')
      anchor += '-';
  return anchor;
}

/// Calls back with the first group of every match.
template <typename Callback>
void each_match(const std::string& text, const std::regex& pattern, Callback&& callback) {
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
    callback((*match)[1].str());
}

class PageReader {
 public:
  explicit PageReader(Page& page) : page_(page) {}

  void read(const std::string& line) {
    ++page_.lines;
    if (in_fence_)
      read_fenced(line);
    else if (line.starts_with("```"))
      open(line.substr(3));
    else if (line.starts_with("    ") && after_blank_)
      read_indented(line.substr(4));
    else
      read_text(line);
  }

 private:
  void open(const std::string& language) {
    in_fence_ = true;
    page_.blocks.push_back({language, "", page_.lines + 1});
  }

  void read_fenced(const std::string& line) {
    if (line.starts_with("```"))
      in_fence_ = false;
    else
      page_.blocks.back().text += line + "\n";
    after_blank_ = false;
    in_indented_ = false;
  }

  void read_indented(const std::string& line) {
    if (!in_indented_) page_.blocks.push_back({"", "", page_.lines});
    in_indented_ = true;
    page_.blocks.back().text += line + "\n";
  }

  void read_text(const std::string& line) {
    static const std::regex code_span("`([^`]+)`"), link(R"(\]\(([^)]+)\))");
    after_blank_ = line.empty();
    in_indented_ = false;
    if (line.starts_with("#")) page_.anchors.push_back(anchor_of(line.substr(line.find(' ') + 1)));
    each_match(line, code_span,
               [&](const std::string& text) { page_.spans.push_back({text, page_.lines}); });
    each_match(line, link,
               [&](const std::string& target) { page_.links.push_back({target, page_.lines}); });
  }

  Page& page_;
  bool in_fence_ = false;
  bool in_indented_ = false;
  bool after_blank_ = true;
};

/// Reads the words of a shell text: as much of its grammar as documentation uses.
class WordReader {
 public:
  std::vector<std::vector<std::string>> read(const std::string& text) {
    for (at_ = 0; at_ < text.size(); ++at_) read_character(text);
    end_command();
    return std::move(commands_);
  }

 private:
  void read_character(const std::string& text) {
    const char c = text[at_];
    if (quote_)
      read_quoted(c);
    else if (c == '"' || c == '\'')
      quote_ = c, in_word_ = true;
    else if (c == '\\' && at_ + 1 < text.size())
      read_escape(text[++at_]);
    else if (c == '#' && !in_word_)
      at_ = std::min(text.find('\n', at_), text.size()) - 1;
    else if (c == '\n' || c == '|' || c == '&' || c == ';')
      end_command();
    else if (c == ' ')
      end_word();
    else
      word_ += c, in_word_ = true;
  }

  void read_quoted(char c) {
    if (c == quote_)
      quote_ = 0;
    else
      word_ += c;
  }

  void read_escape(char c) {
    if (c == '\n') return end_word();
    word_ += c;
    in_word_ = true;
  }

  void end_word() {
    if (in_word_) words_.push_back(word_);
    word_.clear();
    in_word_ = false;
  }

  void end_command() {
    end_word();
    if (!words_.empty()) commands_.push_back(words_);
    words_.clear();
  }

  std::size_t at_ = 0;
  char quote_ = 0;
  bool in_word_ = false;
  std::string word_;
  std::vector<std::string> words_;
  std::vector<std::vector<std::string>> commands_;
};

}  // namespace

Page read_page(const std::filesystem::path& file) {
  Page page;
  page.file = file;
  PageReader reader(page);
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) reader.read(line);
  return page;
}

std::vector<std::vector<std::string>> shell_commands(const std::string& text) {
  return WordReader().read(text);
}

}  // namespace chitu::testing
