#pragma once

#include <deque>
#include <map>
#include <vector>

#include "chitu_core/config/yaml_reader.h"
#include "chitu_core/config/yaml_token.h"

namespace chitu::config {

/// Cuts a YAML 1.1 text into tokens, with the block structure that indentation means made explicit.
/// Accepts and refuses what PyYAML does. source: YAML 1.1 specification, chapters 4 to 9.
class YamlScanner {
 public:
  explicit YamlScanner(YamlReader& reader);

  const YamlToken& peek();
  YamlToken take();

 private:
  using Type = YamlToken::Type;
  /// Where a key without `?` may have begun; known only when its `:` comes.
  struct SimpleKey {
    std::size_t token = 0;  // number of its first token
    std::size_t index = 0;
    YamlMark mark;
    bool required = false;
  };

  bool need_more();
  void fetch();
  void skip_to_token();
  void drop_stale_keys();
  void save_key();
  void remove_key();
  void unwind(int column);
  bool indent_to(int column);
  void push(Type type, YamlMark mark);
  bool starts_plain() const;
  bool at_document_marker(const char* marker) const;

  void fetch_stream_end();
  void fetch_directive();
  void fetch_document(Type type);
  void fetch_flow_start(Type type);
  void fetch_flow_end(Type type);
  void fetch_flow_entry();
  void fetch_block_entry();
  void fetch_key();
  void fetch_value();
  void fetch_name(Type type);
  void fetch_tag();

  std::string tag_handle();
  std::string tag_uri();

  YamlReader& reader_;
  std::deque<YamlToken> tokens_;
  std::size_t taken_ = 0;
  std::vector<int> indents_;
  std::map<int, SimpleKey> keys_;  // by flow level
  int indent_ = -1;
  int flow_level_ = 0;
  bool allow_key_ = true;
  bool settled_ = false;  ///< the first token can no longer change
  bool finished_ = false;
};

}  // namespace chitu::config
