#include "chitu_core/config/yaml/yaml_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <vector>

#include "chitu_core/config/value/characters.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/config/yaml/yaml_messages.h"
#include "chitu_core/config/yaml/yaml_text.h"

namespace chitu::config {
namespace {

bool is_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_digit(c) || is_letter(c) || c == '-' || c == '_'; });
}

/// yaml-cpp decodes the escapes \N and \_ (U+0085, U+00A0) to one byte, which is not UTF-8.
std::string with_whole_escapes(const std::string& value) {
  std::string result;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto byte = static_cast<unsigned char>(value[i]);
    std::size_t size = 1;
    if (byte >= 0xC0) size = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    if (byte >= 0x80 && byte < 0xC0) result += '\xC2';
    result += value.substr(i, size);
    i += size - 1;
  }
  return result;
}

/// Checks the events of yaml-cpp against the text and passes them on to a builder.
class Events final : public YAML::EventHandler {
 public:
  Events(const YamlText& text, YamlBuilder& builder) : text_(text), builder_(builder) {}

  /// Everything before this byte has been parsed.
  std::size_t read_until() const { return read_until_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0)
      text_.fail(byte_of(mark), "a second document; a configuration file holds one");
  }
  void OnDocumentEnd() override {}

  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    if (!is_name(name))
      text_.fail(byte_of(mark),
                 "the name of an anchor is letters, digits, - and _; quote the text if it is not "
                 "an anchor");
    anchor_name_ = name;
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const YAML::Mark place = frames_.empty() ? mark : place_of_empty(mark);
    builder_.scalar(head(place, "?", anchor), "", true);
    passed(mark, byte_of(mark));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check_indent(mark);
    const std::size_t byte = byte_of(mark);
    const auto where = place_of(mark);
    const std::string& name = anchors_.at(anchor);
    builder_.alias(where.line, where.column, name);
    passed(mark, byte + 1 + name.size());
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_indent(mark);
    const std::size_t byte = byte_of(mark), content = text_.skip_properties(byte);
    if (tag == "!" && !text_.has_bare_tag(byte)) {
      builder_.scalar(head(mark, "", anchor), unquoted(content, value), false);
      passed(mark, is_quote(text_.at(content)) ? text_.quoted_end(content) : content);
    } else {
      builder_.scalar(head(mark, tag, anchor), value, true);
      passed(mark, content + value.size());
    }
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    if (style != YAML::EmitterStyle::Block) check_indent(mark);
    builder_.begin_list(head(mark, tag, anchor));
    begin(mark, false, style);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    if (style == YAML::EmitterStyle::Flow) check_indent(mark);
    builder_.begin_map(head(mark, tag, anchor));
    begin(mark, true, style);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapEnd() override { end(); }

 private:
  /// A list or map that is not complete yet.
  struct Frame {
    bool is_map = false;
    bool in_brackets = false;
    YAML::Mark start{};
    bool at_value = false;    ///< of a map: after a key
    YAML::Mark key{};         ///< of a map: the start of the last key
    std::size_t key_end = 0;  ///< and its end
  };

  static std::size_t byte_of(const YAML::Mark& mark) {
    return static_cast<std::size_t>(std::max(mark.pos, 0));
  }
  /// yaml-cpp counts columns in bytes.
  YamlBuilder::Head place_of(const YAML::Mark& mark) const {
    return {mark.line + 1, text_.column(byte_of(mark)), {}, {}};
  }
  static bool is_quote(char c) { return c == '"' || c == '\''; }

  /// yaml-cpp gives a plain scalar without a tag the tag "?".
  YamlBuilder::Head head(const YAML::Mark& mark, std::string_view tag, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = anchor_name_;
    const auto where = place_of(mark);
    return {where.line, where.column, tag == "?" ? std::string_view() : tag,
            anchor == 0 ? std::string_view() : std::string_view(anchors_[anchor])};
  }

  /// The text of a quoted scalar or a block scalar.
  std::string unquoted(std::size_t content, const std::string& value) const {
    const char mark = text_.at(content);
    const std::string whole = is_utf8(value) ? value : with_whole_escapes(value);
    if (is_quote(mark)) return whole + std::string(text_.dropped_breaks(content), '\n');
    const std::string_view header = std::string_view(text_.text()).substr(content, 3);
    const bool keeps = header.substr(0, header.find('\n')).find('+') != header.npos;
    if (mark != '>' || !keeps || value.find_last_not_of('\n') == value.npos) return whole;
    const int indent = frames_.empty() ? -1 : frames_.back().start.column;
    return with_breaks(whole, 1 + text_.trailing_empty_lines(content, indent));
  }

  /// Restores the line breaks that yaml-cpp drops at the end of a `>+` block.
  static std::string with_breaks(const std::string& value, std::size_t least) {
    const auto last = value.find_last_not_of('\n');
    const std::size_t present = value.size() - (last == value.npos ? 0 : last + 1);
    return value + std::string(least > present ? least - present : 0, '\n');
  }

  /// Throws for a value that is indented no further than its key or list: a key without a colon.
  void check_indent(const YAML::Mark& mark) const {
    if (frames_.empty()) return;
    const Frame& frame = frames_.back();
    if (frame.in_brackets || (frame.is_map && !frame.at_value)) return;
    const int line = frame.is_map ? frame.key.line : frame.start.line;
    if (mark.line > line && mark.column <= frame.start.column)
      text_.fail(byte_of(mark), "expected : after the key");
  }

  /// Where an empty value is. Throws where YAML requires a value.
  YAML::Mark place_of_empty(const YAML::Mark& mark) const {
    const Frame& frame = frames_.back();
    const char next = text_.at(byte_of(mark));
    if (frame.in_brackets) {
      if (!frame.is_map && (next == ',' || next == ']'))
        text_.fail(byte_of(mark), "expected a value before this");
      if (frame.is_map && !frame.at_value && (next == ',' || next == '}'))
        text_.fail(byte_of(mark), "expected a key before this");
      return mark;
    }
    return frame.is_map && frame.at_value ? place_after_key(frame) : mark;
  }

  /// Where the value of the last key would begin, on the line of the key.
  YAML::Mark place_after_key(const Frame& frame) const {
    const std::size_t colon = text_.skip_blanks(frame.key_end);
    if (text_.at(colon) != ':' &&
        !text_.is_after_question_mark(byte_of(frame.key),
                                      static_cast<std::size_t>(frame.start.column)))
      text_.fail(byte_of(frame.key), "expected : after the key");
    YAML::Mark mark = frame.key;
    mark.pos = static_cast<int>(colon);
    return mark;
  }

  void begin(const YAML::Mark& mark, bool is_map, YAML::EmitterStyle::value style) {
    frames_.push_back(
        {.is_map = is_map, .in_brackets = style != YAML::EmitterStyle::Block, .start = mark});
    read_until_ = byte_of(mark);
  }
  void end() {
    builder_.end();
    const YAML::Mark mark = frames_.back().start;
    frames_.pop_back();
    passed(mark, read_until_);
  }

  /// Called after each complete value.
  void passed(const YAML::Mark& begin, std::size_t end) {
    read_until_ = end;
    if (frames_.empty()) return;
    Frame& frame = frames_.back();
    frame.at_value = frame.is_map && !frame.at_value;
    frame.key = begin;
    frame.key_end = end;
  }

  const YamlText& text_;
  YamlBuilder& builder_;
  std::vector<Frame> frames_;
  std::unordered_map<YAML::anchor_t, std::string> anchors_;  ///< names
  std::string anchor_name_;
  std::size_t read_until_ = 0;
  int documents_ = 0;
};

}  // namespace

void read_yaml_document(std::string_view text, const std::string& name, YamlBuilder& builder) {
  const YamlText source(text, name);
  std::istringstream stream(source.text());
  Events events(source, builder);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(events)) {
    }
    const std::size_t directive = source.directive_after(events.read_until());
    if (directive != source.text().npos)
      source.fail(directive,
                  "a directive (a line that begins with %) must come before the document");
  } catch (const YAML::Exception& error) {
    explain_yaml_error(source, error, events.read_until());
  }
}

}  // namespace chitu::config
