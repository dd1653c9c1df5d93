#pragma once

#include <cstdint>
#include <string>

namespace chitu::config {

/// A place in a YAML text; both count from 0, columns in characters.
struct YamlMark {
  int line = 0;
  int column = 0;
};

/// One token of YAML 1.1.
struct YamlToken {
  enum class Type : std::uint8_t {
    stream_end,
    yaml_directive,  ///< `text` is the major version
    tag_directive,   ///< `handle` and `text`, its prefix
    other_directive,
    document_start,
    document_end,
    block_sequence_start,
    block_mapping_start,
    block_end,
    flow_sequence_start,
    flow_sequence_end,
    flow_mapping_start,
    flow_mapping_end,
    block_entry,
    flow_entry,
    key,
    value,
    alias,
    anchor,
    tag,  ///< `handle` (may be empty) and `text`
    scalar
  };

  Type type = Type::stream_end;
  YamlMark mark;
  std::string text;
  std::string handle;
  bool plain = false;
  bool has_handle = false;
};

/// "',' ", "']'", "a scalar": what a message calls a token.
const char* describe(YamlToken::Type type);

}  // namespace chitu::config
