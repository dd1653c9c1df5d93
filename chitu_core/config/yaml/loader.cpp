#include "chitu_core/config/yaml/loader.h"

#include "chitu_core/common/files.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/limits.h"
#include "chitu_core/config/yaml/yaml_builder.h"
#include "chitu_core/config/yaml/yaml_document.h"

namespace chitu::config {
namespace {

Node read_document(std::string_view text, const std::shared_ptr<const std::string>& file) {
  YamlBuilder builder(file);
  read_yaml_document(text, *file, builder);
  return builder.empty() ? Node() : builder.take_root();
}

bool is_text(const Node& node) {
  return node.is_string() || node.is_missing() || node.is_interpolation();
}

}  // namespace

Node parse_yaml(std::string_view text, const std::string& name) {
  if (text.size() > kMaxFileBytes) throw ConfigError(name + ": larger than 64 MiB");
  const auto file = std::make_shared<const std::string>(name);
  const Origin top{file, 1, 1, Origin::Kind::file};
  Node root = read_document(text, file);
  // OmegaConf parses a document that is only a string a second time; a string again becomes a key.
  if (is_text(root)) root = read_document(root.text(), file);
  if (root.is_null()) return Node(Map()).at_origin(top);
  if (root.is_container()) return root;
  if (!is_text(root))
    throw ConfigError(root.origin(), "a configuration is a map or a list, got " + show(root));
  Map lone;
  lone.set(root.text(), Node());
  return Node(std::move(lone)).at_origin(root.origin());
}

Node load_yaml(const std::filesystem::path& path) {
  return parse_yaml(read_file(path), path.string());
}

}  // namespace chitu::config
