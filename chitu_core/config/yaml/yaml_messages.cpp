#include "chitu_core/config/yaml/yaml_messages.h"

#include <yaml-cpp/exceptions.h>

#include <algorithm>
#include <string_view>

namespace chitu::config {
namespace {

/// The message of yaml-cpp, and ours.
struct Message {
  std::string_view said;
  const char* told;
};
constexpr Message kMessages[] = {
    {"end of map not found",
     "expected a key or the end of the map; quote a text with a colon in it"},
    {"end of map flow not found", "expected , or }"},
    {"end of sequence not found", "expected - or the end of the list"},
    {"end of sequence flow not found", "expected , or ]"},
    {"illegal map value",
     "a second : on this line; quote the text, or begin a map on its own line"},
    {"illegal map key", "a key is not allowed here, begin it on its own line"},
    {"illegal block entry", "a list item is not allowed here, begin it on its own line"},
    {"illegal tab when looking for indentation", "a tab cannot indent YAML, use spaces"},
    {"illegal flow end", "this bracket closes none"},
    {"bad file", "nested deeper than 200 levels"}};

/// The tab in the indentation of the line of this byte; npos when there is none.
std::size_t indenting_tab(const YamlText& text, std::size_t byte) {
  const auto before = byte == 0 ? std::string::npos : text.text().rfind('\n', byte - 1);
  const std::size_t start = before == std::string::npos ? 0 : before + 1;
  const auto tab = text.text().find('\t', start);
  return tab < text.skip_blanks(start) ? tab : std::string::npos;
}

std::string word_at(const YamlText& text, std::size_t byte) {
  const auto end = text.text().find_first_of(" \t\n,]}", byte);
  return text.text().substr(byte, std::min(end, text.text().size()) - byte);
}

/// The quote that is still open at the end of the text.
std::size_t open_quote(const YamlText& text, std::size_t from) {
  const auto quote = text.text().find_first_of("\"'", from);
  return quote == std::string::npos ? from : quote;
}

}  // namespace

void explain_yaml_error(const YamlText& text, const YAML::Exception& error,
                        std::size_t read_until) {
  const auto byte = static_cast<std::size_t>(std::max(error.mark.pos, 0));
  const std::string_view said = error.msg;
  if (said == "illegal EOF in scalar")
    text.fail(open_quote(text, read_until), "this quote is never closed");
  if (said == "the referenced anchor is not defined")
    text.fail(byte, "the alias " + word_at(text, byte) + " has no anchor before it");
  if (said.starts_with("unknown escape character"))
    text.fail(byte, error.msg + "; in single quotes a \\ needs no escape");
  if (const auto tab = indenting_tab(text, byte); tab != std::string::npos)
    text.fail(tab, "a tab cannot indent YAML, use spaces");
  if (said == "unknown token")
    text.fail(byte, std::string("'") + text.at(byte) + "' cannot begin a value, quote it");
  for (const auto& [message, told] : kMessages)
    if (said == message) text.fail(byte, told);
  text.fail(byte, error.msg);
}

}  // namespace chitu::config
