#include "chitu_core/config/yaml_scanner.h"

#include <string_view>

#include "chitu_core/config/yaml_scalars.h"

namespace chitu::config {
namespace {

// A key without `?` ends on its own line and within this many characters.
constexpr std::size_t kMaxKey = 1024;

bool is_name_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_';
}

bool is_in(char c, std::string_view set) { return c != '\0' && set.find(c) != set.npos; }

}  // namespace

const char* describe(YamlToken::Type type) {
  using Type = YamlToken::Type;
  switch (type) {
    case Type::stream_end:
      return "the end";
    case Type::yaml_directive:
    case Type::tag_directive:
    case Type::other_directive:
      return "a directive";
    case Type::document_start:
      return "---";
    case Type::document_end:
      return "...";
    case Type::block_sequence_start:
      return "a list";
    case Type::block_mapping_start:
      return "a map";
    case Type::block_end:
      return "the end of the block";
    case Type::flow_sequence_start:
      return "[";
    case Type::flow_sequence_end:
      return "]";
    case Type::flow_mapping_start:
      return "{";
    case Type::flow_mapping_end:
      return "}";
    case Type::block_entry:
      return "-";
    case Type::flow_entry:
      return ",";
    case Type::key:
      return "a key";
    case Type::value:
      return ":";
    case Type::alias:
      return "an alias";
    case Type::anchor:
      return "an anchor";
    case Type::tag:
      return "a tag";
    case Type::scalar:
      return "a value";
  }
  return "";
}

YamlScanner::YamlScanner(YamlReader& reader) : reader_(reader) {}

const YamlToken& YamlScanner::peek() {
  while (!settled_ && need_more()) fetch();
  settled_ = true;
  return tokens_.front();
}

YamlToken YamlScanner::take() {
  peek();
  YamlToken token = std::move(tokens_.front());
  tokens_.pop_front();
  settled_ = false;
  ++taken_;
  return token;
}

bool YamlScanner::need_more() {
  if (finished_) return false;
  if (tokens_.empty()) return true;
  // A `:` still to come could put tokens before the first one.
  drop_stale_keys();
  for (const auto& [level, key] : keys_)
    if (key.token == taken_) return true;
  return false;
}

void YamlScanner::push(Type type, YamlMark mark) {
  YamlToken token;
  token.type = type;
  token.mark = mark;
  tokens_.push_back(std::move(token));
}

void YamlScanner::skip_to_token() {
  for (;;) {
    while (reader_.peek() == ' ') reader_.forward();
    if (reader_.peek() == '#')
      while (!reader_.at_line_end()) reader_.forward();
    if (!reader_.at_break()) return;
    reader_.take_break();
    if (flow_level_ == 0) allow_key_ = true;
  }
}

void YamlScanner::drop_stale_keys() {
  for (auto item = keys_.begin(); item != keys_.end();) {
    const SimpleKey& key = item->second;
    if (key.mark.line == reader_.line() && reader_.index() - key.index <= kMaxKey) {
      ++item;
      continue;
    }
    if (key.required) reader_.fail("expected : after the key", key.mark);
    item = keys_.erase(item);
  }
}

void YamlScanner::save_key() {
  if (!allow_key_) return;
  remove_key();
  const bool required = flow_level_ == 0 && indent_ == reader_.column();
  keys_[flow_level_] = {taken_ + tokens_.size(), reader_.index(), reader_.mark(), required};
}

void YamlScanner::remove_key() {
  const auto found = keys_.find(flow_level_);
  if (found == keys_.end()) return;
  if (found->second.required) reader_.fail("expected : after the key", found->second.mark);
  keys_.erase(found);
}

void YamlScanner::unwind(int column) {
  if (flow_level_ > 0) return;
  while (indent_ > column) {
    indent_ = indents_.back();
    indents_.pop_back();
    push(Type::block_end, reader_.mark());
  }
}

bool YamlScanner::indent_to(int column) {
  if (indent_ >= column) return false;
  indents_.push_back(indent_);
  indent_ = column;
  return true;
}

bool YamlScanner::at_document_marker(const char* marker) const {
  return reader_.column() == 0 && reader_.at(marker) && reader_.at_space(3);
}

bool YamlScanner::starts_plain() const {
  const char c = reader_.peek();
  if (!reader_.at_space() && !is_in(c, "-?:,[]{}#&*!|>'\"%@`")) return true;
  return !reader_.at_space(1) && (c == '-' || (flow_level_ == 0 && is_in(c, "?:")));
}

void YamlScanner::fetch() {
  skip_to_token();
  drop_stale_keys();
  unwind(reader_.column());
  const char c = reader_.peek();
  const bool flow = flow_level_ > 0;
  if (reader_.done()) return fetch_stream_end();
  if (c == '%' && reader_.column() == 0) return fetch_directive();
  if (at_document_marker("---")) return fetch_document(Type::document_start);
  if (at_document_marker("...")) return fetch_document(Type::document_end);
  if (c == '[') return fetch_flow_start(Type::flow_sequence_start);
  if (c == '{') return fetch_flow_start(Type::flow_mapping_start);
  if (c == ']') return fetch_flow_end(Type::flow_sequence_end);
  if (c == '}') return fetch_flow_end(Type::flow_mapping_end);
  if (c == ',') return fetch_flow_entry();
  if (c == '-' && reader_.at_space(1)) return fetch_block_entry();
  if (c == '?' && (flow || reader_.at_space(1))) return fetch_key();
  if (c == ':' && (flow || reader_.at_space(1))) return fetch_value();
  if (c == '*') return fetch_name(Type::alias);
  if (c == '&') return fetch_name(Type::anchor);
  if (c == '!') return fetch_tag();
  if (!flow && (c == '|' || c == '>')) {
    remove_key();
    allow_key_ = true;
    tokens_.push_back(scan_block(reader_, indent_));
    return;
  }
  if (c == '\'' || c == '"') {
    save_key();
    allow_key_ = false;
    tokens_.push_back(scan_quoted(reader_));
    return;
  }
  if (starts_plain()) {
    save_key();
    allow_key_ = false;
    bool line_broken = false;
    tokens_.push_back(scan_plain(reader_, indent_, flow, line_broken));
    if (line_broken) allow_key_ = true;
    return;
  }
  if (c == '\t') reader_.fail("a tab cannot indent YAML, use spaces");
  reader_.fail(std::string("'") + c + "' cannot begin a value, quote it");
}

void YamlScanner::fetch_stream_end() {
  unwind(-1);
  remove_key();
  allow_key_ = false;
  keys_.clear();
  push(Type::stream_end, reader_.mark());
  finished_ = true;
}

void YamlScanner::fetch_directive() {
  unwind(-1);
  remove_key();
  allow_key_ = false;
  YamlToken token;
  token.mark = reader_.mark();
  token.type = Type::other_directive;
  reader_.forward();
  std::size_t size = 0;
  while (is_name_character(reader_.peek(size))) ++size;
  const std::string name = reader_.take(size);
  if (size == 0 || !reader_.at_space() || reader_.peek() == '\t')
    reader_.fail("expected the name of a directive");
  const auto skip_spaces = [&] {
    while (reader_.peek() == ' ') reader_.forward();
  };
  if (name == "YAML") {
    token.type = Type::yaml_directive;
    skip_spaces();
    const auto number = [&] {
      std::size_t digits = 0;
      while (reader_.peek(digits) >= '0' && reader_.peek(digits) <= '9') ++digits;
      if (digits == 0) reader_.fail("expected a version such as 1.1");
      return reader_.take(digits);
    };
    token.text = number();
    if (reader_.peek() != '.') reader_.fail("expected a version such as 1.1");
    reader_.forward();
    number();
    if (!reader_.at_space() || reader_.peek() == '\t')
      reader_.fail("expected a version such as 1.1");
  } else if (name == "TAG") {
    token.type = Type::tag_directive;
    skip_spaces();
    token.handle = tag_handle();
    if (reader_.peek() != ' ') reader_.fail("expected a space after the tag's handle");
    skip_spaces();
    token.text = tag_uri();
    if (!reader_.at_space() || reader_.peek() == '\t')
      reader_.fail("expected a space after the tag's prefix");
  } else {
    while (!reader_.at_line_end()) reader_.forward();
  }
  skip_rest_of_line(reader_, "the directive");
  tokens_.push_back(std::move(token));
}

void YamlScanner::fetch_document(Type type) {
  unwind(-1);
  remove_key();
  allow_key_ = false;
  push(type, reader_.mark());
  reader_.forward(3);
}

void YamlScanner::fetch_flow_start(Type type) {
  save_key();
  ++flow_level_;
  allow_key_ = true;
  push(type, reader_.mark());
  reader_.forward();
}

void YamlScanner::fetch_flow_end(Type type) {
  remove_key();
  --flow_level_;
  allow_key_ = false;
  push(type, reader_.mark());
  reader_.forward();
}

void YamlScanner::fetch_flow_entry() {
  allow_key_ = true;
  remove_key();
  push(Type::flow_entry, reader_.mark());
  reader_.forward();
}

void YamlScanner::fetch_block_entry() {
  if (flow_level_ == 0) {
    if (!allow_key_) reader_.fail("a list item is not allowed here, begin it on its own line");
    if (indent_to(reader_.column())) push(Type::block_sequence_start, reader_.mark());
  }
  allow_key_ = true;
  remove_key();
  push(Type::block_entry, reader_.mark());
  reader_.forward();
}

void YamlScanner::fetch_key() {
  if (flow_level_ == 0) {
    if (!allow_key_) reader_.fail("a key is not allowed here, begin it on its own line");
    if (indent_to(reader_.column())) push(Type::block_mapping_start, reader_.mark());
  }
  allow_key_ = flow_level_ == 0;
  remove_key();
  push(Type::key, reader_.mark());
  reader_.forward();
}

void YamlScanner::fetch_value() {
  const auto found = keys_.find(flow_level_);
  if (found != keys_.end()) {
    const SimpleKey key = found->second;
    keys_.erase(found);
    const auto place = tokens_.begin() + static_cast<std::ptrdiff_t>(key.token - taken_);
    YamlToken token;
    token.type = Type::key;
    token.mark = key.mark;
    const auto inserted = tokens_.insert(place, token);
    if (flow_level_ == 0 && indent_to(key.mark.column)) {
      token.type = Type::block_mapping_start;
      tokens_.insert(inserted, token);
    }
    allow_key_ = false;
  } else {
    if (flow_level_ == 0) {
      if (!allow_key_)
        reader_.fail("a second : on this line; quote the text, or begin a map on its own line");
      if (indent_to(reader_.column())) push(Type::block_mapping_start, reader_.mark());
    }
    allow_key_ = flow_level_ == 0;
    remove_key();
  }
  push(Type::value, reader_.mark());
  reader_.forward();
}

void YamlScanner::fetch_name(Type type) {
  save_key();
  allow_key_ = false;
  YamlToken token;
  token.type = type;
  token.mark = reader_.mark();
  reader_.forward();
  std::size_t size = 0;
  while (is_name_character(reader_.peek(size))) ++size;
  token.text = reader_.take(size);
  if (size == 0 || (!reader_.at_space() && !is_in(reader_.peek(), "?:,]}%@`")))
    reader_.fail(std::string("the name of ") + describe(type) +
                 " is letters, digits, - and _; quote the text if it is none");
  tokens_.push_back(std::move(token));
}

std::string YamlScanner::tag_handle() {
  if (reader_.peek() != '!') reader_.fail("expected ! to begin the tag");
  std::size_t size = 1;
  while (is_name_character(reader_.peek(size))) ++size;
  if (size > 1 || reader_.peek(1) == '!') {
    if (reader_.peek(size) != '!') reader_.fail("expected ! to end the tag's handle");
    ++size;
  }
  return reader_.take(size);
}

std::string YamlScanner::tag_uri() {
  std::string uri;
  while (is_name_character(reader_.peek()) || is_in(reader_.peek(), ";/?:@&=+$,_.!~*'()[]%")) {
    if (reader_.peek() != '%') {
      uri += reader_.take(1);
      continue;
    }
    int code = 0;
    for (std::size_t i = 1; i <= 2; ++i) {
      const char c = reader_.peek(i);
      const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      if (!hex) reader_.fail("expected two hexadecimal digits after % in a tag");
      code = code * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    uri += static_cast<char>(code);
    reader_.forward(3);
  }
  if (uri.empty()) reader_.fail("expected the name of the tag");
  return uri;
}

void YamlScanner::fetch_tag() {
  save_key();
  allow_key_ = false;
  YamlToken token;
  token.type = Type::tag;
  token.mark = reader_.mark();
  if (reader_.peek(1) == '<') {
    reader_.forward(2);
    token.text = tag_uri();
    if (reader_.peek() != '>') reader_.fail("expected > to end the tag");
    reader_.forward();
  } else if (reader_.at_space(1)) {
    token.text = "!";
    reader_.forward();
  } else {
    std::size_t size = 1;
    while (!reader_.at_space(size) && reader_.peek(size) != '!') ++size;
    token.has_handle = true;
    if (reader_.peek(size) == '!') {
      token.handle = tag_handle();
    } else {
      token.handle = "!";
      reader_.forward();
    }
    token.text = tag_uri();
  }
  if (!reader_.at_space() || reader_.peek() == '\t') reader_.fail("expected a space after the tag");
  tokens_.push_back(std::move(token));
}

}  // namespace chitu::config
