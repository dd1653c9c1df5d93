#include "tools/chitu/batch/json_tree.h"

#include <cstddef>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/limits.h"

namespace chitu::tools {
namespace {

using config::ConfigError;
using config::Node;
using config::Origin;

/// The line of the last character that was read and is no blank. The lexer reads one character past
/// a number, which may be the line break.
struct Position {
  int breaks = 0;
  int line = 1;

  void read(char c) {
    if (c == '\n')
      ++breaks;
    else if (c != ' ' && c != '\t' && c != '\r')
      line = breaks + 1;
  }
};

/// Reads a text and notes the position.
class Reader {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Reader(const char* at, Position* position) : at_(at), position_(position) {}
  reference operator*() const { return *at_; }
  Reader& operator++() {
    position_->read(*at_++);
    return *this;
  }
  Reader operator++(int) {
    Reader before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Reader& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  Position* position_;
};

/// Builds the tree from the events of the parser.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(const std::string& name, int first_line, std::size_t size, const Position& position)
      : file_(std::make_shared<const std::string>(name)),
        first_line_(first_line),
        size_(size),
        position_(position) {}

  Node take_root() { return std::move(root_); }

  bool null() override { return add(Node()); }
  bool boolean(bool value) override { return add(Node(value)); }
  bool number_integer(std::int64_t value) override { return add(Node(value)); }
  bool number_unsigned(std::uint64_t value) override { return add(Node(value)); }
  bool number_float(double value, const std::string&) override { return add(Node(value)); }
  bool string(std::string& value) override { return add(Node::literal(value)); }
  bool binary(nlohmann::json::binary_t&) override { return false; }  // JSON text has none

  bool start_object(std::size_t) override { return open(Node(config::Map())); }
  bool start_array(std::size_t) override { return open(Node(config::List())); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& key) override {
    if (open_.back()->map().find(std::string_view(key)))
      fail("the key \"" + key + "\" stands twice");
    key_ = key;
    key_origin_ = here();
    return true;
  }

  bool parse_error(std::size_t characters_read, const std::string& last_token,
                   const nlohmann::json::exception&) override {
    fail(characters_read > size_ ? "JSON ends before it is complete"
                                 : "not valid JSON at " + last_token);
  }

 private:
  Origin here() const { return {file_, first_line_ + position_.line - 1, 0, Origin::Kind::file}; }
  [[noreturn]] void fail(const std::string& problem) const { throw ConfigError(here(), problem); }

  /// Puts a value into the innermost open list or map. Returns it.
  Node& place(Node value) {
    value.at_origin(here());
    if (open_.empty()) return root_ = std::move(value);
    Node& parent = *open_.back();
    if (parent.is_list()) return parent.list().emplace_back(std::move(value));
    Node& placed = parent.map().set(key_, std::move(value));
    (parent.map().end() - 1)->origin = key_origin_;
    return placed;
  }
  bool add(Node value) {
    place(std::move(value));
    return true;
  }
  /// A pointer to an open node stays valid: its parent gets no other value until it is closed.
  bool open(Node container) {
    if (open_.size() >= config::kMaxDepth)
      fail("nested more than " + std::to_string(config::kMaxDepth) + " deep");
    open_.push_back(&place(std::move(container)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::shared_ptr<const std::string> file_;
  int first_line_;
  std::size_t size_;  ///< of the text
  const Position& position_;
  Node root_;
  std::vector<Node*> open_;
  std::string key_;
  Origin key_origin_;
};

}  // namespace

Node parse_json_tree(std::string_view text, const std::string& name, int first_line) {
  Position position;
  Builder builder(name, first_line, text.size(), position);
  nlohmann::json::sax_parse(Reader(text.data(), &position),
                            Reader(text.data() + text.size(), &position), &builder);
  return builder.take_root();
}

}  // namespace chitu::tools
