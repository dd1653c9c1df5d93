#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// Builds a Node from the events of a YAML document. Handles the types of scalars, tags, anchors
/// and aliases, merge keys (`<<`), duplicate keys, and the limits on depth and size. Throws
/// ConfigError with file:line:column.
class YamlBuilder {
 public:
  /// The properties of a node. `tag` is empty, "!" or the full tag.
  struct Head {
    int line = 0;
    int column = 0;
    std::string_view tag;
    std::string_view anchor;
  };

  explicit YamlBuilder(std::shared_ptr<const std::string> file);

  void scalar(const Head& head, std::string_view text, bool plain);
  void alias(int line, int column, std::string_view anchor);
  void begin_list(const Head& head);
  void begin_map(const Head& head);
  void end();

  bool empty() const { return !has_root_; }
  Node take_root();

 private:
  struct Frame {
    Node node;
    std::string anchor;
    std::vector<Node> merges;  // values of `<<`, in order
    Key key;
    Origin key_origin;
    std::size_t nodes = 1;
    bool has_key = false;
    bool key_is_merge = false;
  };

  Origin origin(int line, int column) const;
  void begin(const Head& head, Node node, std::string_view own_tag);
  void add(Node node, std::size_t nodes);
  void add_to_map(Frame& frame, Node node);
  void set_key(Frame& frame, Node node);
  static void merge_keys(Frame& frame);
  void name_anchor(const Head& head, const Node& node, std::size_t nodes);
  void count(std::size_t nodes, const Origin& where);

  std::shared_ptr<const std::string> file_;
  std::vector<Frame> frames_;
  struct Anchor {
    Node node;
    std::size_t nodes = 1;
    bool open = false;  // inside its node, where an alias would be a cycle
  };
  std::unordered_map<std::string, Anchor> anchors_;
  Node root_;
  std::size_t total_ = 0;
  bool has_root_ = false;
};

}  // namespace chitu::config
