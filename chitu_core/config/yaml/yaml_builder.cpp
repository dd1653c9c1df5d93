#include "chitu_core/config/yaml/yaml_builder.h"

#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/interpolation.h"
#include "chitu_core/config/value/limits.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/config/yaml/scalars.h"

namespace chitu::config {
namespace {

constexpr std::string_view kYamlTag = "tag:yaml.org,2002:";

ConfigError error_at(const Origin& origin, std::string_view problem) {
  return ConfigError(to_string_with_column(origin) + ": " + std::string(problem));
}

Node typed(const YamlBuilder::Head& head, std::string_view text, bool plain) {
  if (head.tag.empty() || head.tag == "!") {
    if (!plain && head.tag.empty()) return Node(text);
    if (text == "=") throw ConfigError("a plain = is not a value, quote it");
    return read_plain_scalar(text);
  }
  if (!head.tag.starts_with(kYamlTag)) throw ConfigError("unknown tag " + std::string(head.tag));
  return read_tagged_scalar(head.tag.substr(kYamlTag.size()), text);
}

Key as_key(const Node& node, const Origin& origin) {
  switch (node.kind()) {
    case Kind::null:
      throw error_at(origin, "a key must not be null, quote it to use the text");
    case Kind::list:
    case Kind::map:
      throw error_at(origin, "a key must be a scalar, not " + std::string(describe(node.kind())));
    default:
      return key_of(node);
  }
}

}  // namespace

YamlBuilder::YamlBuilder(std::shared_ptr<const std::string> file) : file_(std::move(file)) {}

Origin YamlBuilder::origin(int line, int column) const {
  return {file_, line, column, Origin::Kind::file};
}

void YamlBuilder::count(std::size_t nodes, const Origin& where) {
  total_ += nodes;
  if (total_ > kMaxNodes)
    throw error_at(where, "the file expands to more than " + std::to_string(kMaxNodes) +
                              " values (aliases counted)");
}

void YamlBuilder::name_anchor(const Head& head, const Node& node, std::size_t nodes) {
  if (head.anchor.empty()) return;
  anchors_[std::string(head.anchor)] = {node, nodes, false};
}

void YamlBuilder::scalar(const Head& head, std::string_view text, bool plain) {
  const Origin where = origin(head.line, head.column);
  if (!head.anchor.empty() && anchors_.contains(std::string(head.anchor)))
    throw error_at(where, "the anchor &" + std::string(head.anchor) + " is defined twice");
  const bool merge = plain && text == "<<" && head.tag.empty();
  const bool as_key = !frames_.empty() && frames_.back().node.is_map() && !frames_.back().has_key;
  if (merge && as_key) {
    frames_.back().has_key = frames_.back().key_is_merge = true;
    frames_.back().key_origin = where;
    return;
  }
  Node node;
  try {
    if (merge) throw ConfigError("<< is a key, not a value; quote it to use the text");
    if (plain && text == "=" && head.tag.empty() && as_key)
      node = Node("=");
    else
      node = typed(head, text, plain);
    // A document that is only a string becomes a key, where an interpolation is text.
    if (node.is_interpolation() && !as_key && !frames_.empty()) check_interpolation(node.text());
  } catch (const ConfigError& error) {
    throw error_at(where, error.what());
  }
  node.at_origin(where);
  name_anchor(head, node, 1);
  count(1, where);
  add(std::move(node), 1);
}

void YamlBuilder::alias(int line, int column, std::string_view anchor) {
  const Origin where = origin(line, column);
  const auto found = anchors_.find(std::string(anchor));
  if (found == anchors_.end())
    throw error_at(where, "the alias *" + std::string(anchor) + " has no anchor before it");
  if (found->second.open)
    throw error_at(where, "the alias *" + std::string(anchor) + " is inside its own anchor");
  count(found->second.nodes, where);
  add(found->second.node, found->second.nodes);
}

void YamlBuilder::begin(const Head& head, Node node, std::string_view own_tag) {
  const Origin where = origin(head.line, head.column);
  const std::string wanted = std::string(kYamlTag) + std::string(own_tag);
  if (!head.tag.empty() && head.tag != "!" && head.tag != wanted)
    throw error_at(where, "unknown tag " + std::string(head.tag) + " for " +
                              std::string(describe(node.kind())));
  if (frames_.size() >= kMaxDepth)
    throw error_at(where, "nested deeper than " + std::to_string(kMaxDepth) + " levels");
  if (!head.anchor.empty()) {
    if (anchors_.contains(std::string(head.anchor)))
      throw error_at(where, "the anchor &" + std::string(head.anchor) + " is defined twice");
    anchors_[std::string(head.anchor)].open = true;
  }
  count(1, where);
  node.at_origin(where);
  Frame frame;
  frame.node = std::move(node);
  frame.anchor = std::string(head.anchor);
  frames_.push_back(std::move(frame));
}

void YamlBuilder::begin_list(const Head& head) { begin(head, Node(List()), "seq"); }
void YamlBuilder::begin_map(const Head& head) { begin(head, Node(Map()), "map"); }

void YamlBuilder::end() {
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  if (frame.node.is_map() && !frame.merges.empty()) merge_keys(frame);
  if (!frame.anchor.empty()) anchors_[frame.anchor] = {frame.node, frame.nodes, false};
  add(std::move(frame.node), frame.nodes);
}

void YamlBuilder::add(Node node, std::size_t nodes) {
  if (frames_.empty()) {
    root_ = std::move(node);
    has_root_ = true;
    return;
  }
  Frame& frame = frames_.back();
  frame.nodes += nodes;
  if (frame.node.is_list()) {
    frame.node.list().push_back(std::move(node));
  } else if (frame.has_key) {
    add_to_map(frame, std::move(node));
  } else {
    set_key(frame, std::move(node));
  }
}

void YamlBuilder::set_key(Frame& frame, Node node) {
  frame.key_origin = node.origin();
  frame.key = as_key(node, node.origin());
  frame.has_key = true;
  frame.key_is_merge = false;
}

void YamlBuilder::add_to_map(Frame& frame, Node node) {
  frame.has_key = false;
  if (frame.key_is_merge) {
    const auto refuse = [&] {
      throw error_at(frame.key_origin, "<< expects a map or a list of maps");
    };
    if (node.is_list()) {
      // The first map of the list has priority, so it is merged last.
      for (auto item = node.list().rbegin(); item != node.list().rend(); ++item) {
        if (!item->is_map()) refuse();
        frame.merges.push_back(std::move(*item));
      }
    } else if (node.is_map()) {
      frame.merges.push_back(std::move(node));
    } else {
      refuse();
    }
    return;
  }
  if (const Node* first = frame.node.map().find(frame.key)) {
    if (frame.key.kind == Kind::string)
      throw error_at(frame.key_origin, "duplicate key " + frame.key.text + ", first at " +
                                           to_string_with_column(first->origin()));
  }
  frame.node.map().set(frame.key, std::move(node));
  (frame.node.map().end() - 1)->origin = frame.key_origin;
}

void YamlBuilder::merge_keys(Frame& frame) {
  Map merged;
  for (const Node& source : frame.merges)
    for (const Entry& entry : source.map()) merged.set(entry.key, entry.value);
  for (Entry& own : frame.node.map()) merged.set(own.key, std::move(own.value));
  const Origin where = frame.node.origin();
  frame.node = Node(std::move(merged));
  frame.node.at_origin(where);
}

Node YamlBuilder::take_root() { return std::move(root_); }

}  // namespace chitu::config
