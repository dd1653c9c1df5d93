#pragma once

#include <map>
#include <string>

#include "chitu_core/config/yaml_builder.h"
#include "chitu_core/config/yaml_scanner.h"

namespace chitu::config {

/// Reads the one document of a YAML 1.1 text into a builder. Throws ConfigError with
/// file:line:column for what is no YAML, and for a second document.
class YamlParser {
 public:
  YamlParser(YamlReader& reader, YamlBuilder& builder);

  void document();

 private:
  using Type = YamlToken::Type;
  enum class Context : std::uint8_t { block, block_or_sequence, flow };

  bool at(std::initializer_list<Type> types);
  void directives();
  void node(Context context);
  std::string resolved_tag(const YamlToken& token);
  void block_sequence();
  void indentless_sequence();
  void block_mapping();
  void flow_sequence();
  void flow_pair();
  void flow_mapping();
  void empty(YamlMark mark);
  [[noreturn]] void unexpected(const char* expected);

  YamlReader& reader_;
  YamlScanner scanner_;
  YamlBuilder& builder_;
  std::map<std::string, std::string> handles_;
};

}  // namespace chitu::config
