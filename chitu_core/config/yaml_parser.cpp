#include "chitu_core/config/yaml_parser.h"

#include <algorithm>

namespace chitu::config {

YamlParser::YamlParser(YamlReader& reader, YamlBuilder& builder)
    : reader_(reader), scanner_(reader), builder_(builder) {}

bool YamlParser::at(std::initializer_list<Type> types) {
  return std::find(types.begin(), types.end(), scanner_.peek().type) != types.end();
}

void YamlParser::unexpected(const char* expected) {
  const YamlToken& token = scanner_.peek();
  reader_.fail(std::string("expected ") + expected + ", got " + describe(token.type), token.mark);
}

void YamlParser::empty(YamlMark mark) {
  builder_.scalar({mark.line + 1, mark.column + 1, {}, {}}, "", true);
}

void YamlParser::document() {
  handles_ = {{"!", "!"}, {"!!", "tag:yaml.org,2002:"}};
  if (at({Type::stream_end})) return;
  if (at({Type::yaml_directive, Type::tag_directive, Type::other_directive,
          Type::document_start})) {
    directives();
    if (!at({Type::document_start})) unexpected("---");
    const YamlMark mark = scanner_.take().mark;
    if (at({Type::yaml_directive, Type::tag_directive, Type::other_directive, Type::document_start,
            Type::document_end, Type::stream_end}))
      empty(mark);
    else
      node(Context::block);
  } else {
    node(Context::block);
  }
  while (at({Type::document_end})) scanner_.take();
  if (at({Type::document_start, Type::yaml_directive, Type::tag_directive, Type::other_directive}))
    reader_.fail("a second document; a configuration file holds one", scanner_.peek().mark);
  if (!at({Type::stream_end})) unexpected("the end of the document");
}

void YamlParser::directives() {
  bool version_seen = false;
  while (at({Type::yaml_directive, Type::tag_directive, Type::other_directive})) {
    const YamlToken token = scanner_.take();
    if (token.type == Type::yaml_directive) {
      if (version_seen) reader_.fail("a second %YAML directive", token.mark);
      version_seen = true;
      if (token.text != "1") reader_.fail("only YAML 1 can be read", token.mark);
    } else if (token.type == Type::tag_directive) {
      handles_[token.handle] = token.text;
    }
  }
}

std::string YamlParser::resolved_tag(const YamlToken& token) {
  if (!token.has_handle) return token.text;
  const auto found = handles_.find(token.handle);
  if (found == handles_.end())
    reader_.fail("the tag handle " + token.handle + " is not defined", token.mark);
  return found->second + token.text;
}

void YamlParser::node(Context context) {
  if (at({Type::alias})) {
    const YamlToken token = scanner_.take();
    builder_.alias(token.mark.line + 1, token.mark.column + 1, token.text);
    return;
  }
  std::string anchor, tag;
  bool has_anchor = false, has_tag = false;
  YamlMark start = scanner_.peek().mark;
  for (int i = 0; i < 2; ++i) {
    if (!has_anchor && at({Type::anchor})) {
      anchor = scanner_.take().text;
      has_anchor = true;
    } else if (!has_tag && at({Type::tag})) {
      tag = resolved_tag(scanner_.take());
      has_tag = true;
    }
  }
  const YamlMark content = scanner_.peek().mark;
  const YamlBuilder::Head head{content.line + 1, content.column + 1, tag, anchor};
  const bool block = context != Context::flow;
  if (context == Context::block_or_sequence && at({Type::block_entry})) {
    builder_.begin_list(head);
    indentless_sequence();
    builder_.end();
  } else if (at({Type::scalar})) {
    const YamlToken token = scanner_.take();
    builder_.scalar(head, token.text, token.plain);
  } else if (at({Type::flow_sequence_start})) {
    scanner_.take();
    builder_.begin_list(head);
    flow_sequence();
    builder_.end();
  } else if (at({Type::flow_mapping_start})) {
    scanner_.take();
    builder_.begin_map(head);
    flow_mapping();
    builder_.end();
  } else if (block && at({Type::block_sequence_start})) {
    scanner_.take();
    builder_.begin_list(head);
    block_sequence();
    builder_.end();
  } else if (block && at({Type::block_mapping_start})) {
    scanner_.take();
    builder_.begin_map(head);
    block_mapping();
    builder_.end();
  } else if (has_anchor || has_tag) {
    builder_.scalar({start.line + 1, start.column + 1, tag, anchor}, "", true);
  } else {
    unexpected("a value");
  }
}

void YamlParser::block_sequence() {
  while (at({Type::block_entry})) {
    const YamlMark mark = scanner_.take().mark;
    if (at({Type::block_entry, Type::block_end}))
      empty(mark);
    else
      node(Context::block);
  }
  if (!at({Type::block_end})) unexpected("- or the end of the list");
  scanner_.take();
}

void YamlParser::indentless_sequence() {
  while (at({Type::block_entry})) {
    const YamlMark mark = scanner_.take().mark;
    if (at({Type::block_entry, Type::key, Type::value, Type::block_end}))
      empty(mark);
    else
      node(Context::block);
  }
}

void YamlParser::block_mapping() {
  while (at({Type::key})) {
    YamlMark mark = scanner_.take().mark;
    if (at({Type::key, Type::value, Type::block_end}))
      empty(mark);
    else
      node(Context::block_or_sequence);
    if (!at({Type::value})) {
      empty(scanner_.peek().mark);
      continue;
    }
    mark = scanner_.take().mark;
    if (at({Type::key, Type::value, Type::block_end}))
      empty(mark);
    else
      node(Context::block_or_sequence);
  }
  if (!at({Type::block_end})) unexpected("a key or the end of the map");
  scanner_.take();
}

void YamlParser::flow_sequence() {
  bool first = true;
  while (!at({Type::flow_sequence_end})) {
    if (!first) {
      if (!at({Type::flow_entry})) unexpected(", or ]");
      scanner_.take();
    }
    first = false;
    if (at({Type::key}))
      flow_pair();
    else if (!at({Type::flow_sequence_end}))
      node(Context::flow);
  }
  scanner_.take();
}

void YamlParser::flow_pair() {
  YamlMark mark = scanner_.take().mark;
  builder_.begin_map({mark.line + 1, mark.column + 1, {}, {}});
  if (at({Type::value, Type::flow_entry, Type::flow_sequence_end}))
    empty(mark);
  else
    node(Context::flow);
  if (!at({Type::value})) {
    empty(scanner_.peek().mark);
  } else {
    mark = scanner_.take().mark;
    if (at({Type::flow_entry, Type::flow_sequence_end}))
      empty(mark);
    else
      node(Context::flow);
  }
  builder_.end();
}

void YamlParser::flow_mapping() {
  bool first = true;
  while (!at({Type::flow_mapping_end})) {
    if (!first) {
      if (!at({Type::flow_entry})) unexpected(", or }");
      scanner_.take();
    }
    first = false;
    if (at({Type::key})) {
      YamlMark mark = scanner_.take().mark;
      if (at({Type::value, Type::flow_entry, Type::flow_mapping_end}))
        empty(mark);
      else
        node(Context::flow);
      if (!at({Type::value})) {
        empty(scanner_.peek().mark);
        continue;
      }
      mark = scanner_.take().mark;
      if (at({Type::flow_entry, Type::flow_mapping_end}))
        empty(mark);
      else
        node(Context::flow);
    } else if (!at({Type::flow_mapping_end})) {
      node(Context::flow);
      empty(scanner_.peek().mark);
    }
  }
  scanner_.take();
}

}  // namespace chitu::config
