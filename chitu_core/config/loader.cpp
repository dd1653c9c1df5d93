#include "chitu_core/config/loader.h"

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <sstream>

#include "chitu_core/common/files.h"
#include "chitu_core/config/error.h"
#include "chitu_core/config/limits.h"
#include "chitu_core/config/text.h"
#include "chitu_core/config/yaml_builder.h"

namespace chitu::config {
namespace {

/// Turns yaml-cpp's events into the builder's.
class Events final : public YAML::EventHandler {
 public:
  explicit Events(YamlBuilder& builder) : builder_(builder) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    builder_.scalar(head(mark, "", anchor), "", true);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    builder_.alias(mark.line + 1, mark.column + 1, std::to_string(anchor));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    builder_.scalar(head(mark, tag, anchor), value, tag == "?");
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    builder_.begin_list(head(mark, tag, anchor));
  }
  void OnSequenceEnd() override { builder_.end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    builder_.begin_map(head(mark, tag, anchor));
  }
  void OnMapEnd() override { builder_.end(); }

 private:
  YamlBuilder::Head head(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    name_ = anchor == 0 ? "" : std::to_string(anchor);
    YamlBuilder::Head head{mark.line + 1, mark.column + 1, {}, name_};
    if (tag != "?" && tag != "!") head.tag = tag;
    return head;
  }

  YamlBuilder& builder_;
  std::string name_;
};

}  // namespace

Node parse_yaml(std::string_view text, const std::string& name) {
  if (text.size() > kMaxFileBytes) throw ConfigError(name + ": larger than 64 MiB");
  if (!is_utf8(text)) throw ConfigError(name + ": not UTF-8");
  const auto file = std::make_shared<const std::string>(name);
  YamlBuilder builder(file);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Events events(builder);
    parser.HandleNextDocument(events);
    if (parser) {
      YamlBuilder rest(file);
      Events more(rest);
      if (parser.HandleNextDocument(more))
        throw ConfigError(name + ": holds more than one document");
    }
  } catch (const YAML::Exception& error) {
    throw ConfigError(name + ":" + std::to_string(error.mark.line + 1) + ":" +
                      std::to_string(error.mark.column + 1) + ": " + error.msg);
  }
  Node root = builder.empty() ? Node() : builder.take_root();
  const Origin top{file, 1, 1, Origin::Kind::file};
  if (root.is_null()) return Node(Map()).at_origin(top);
  if (root.is_container()) return root;
  if (!root.is_string() && !root.is_missing() && !root.is_interpolation())
    throw ConfigError(root.origin(), "a configuration is a map or a list, got " + show(root));
  Map lone;
  lone.set(root.text(), Node());
  return Node(std::move(lone)).at_origin(root.origin());
}

Node load_yaml(const std::filesystem::path& path) {
  return parse_yaml(read_file(path), path.string());
}

}  // namespace chitu::config
