#include <yaml-cpp/yaml.h>

#include "chitu_core/config/yaml/loader.h"
#include "chitu_core/config/yaml/yaml_writer.h"
#include "tests/support/catch.h"

namespace chitu::config {
namespace {

/// The text of every scalar, with the keys that lead to it, in order.
void list_scalars(const YAML::Node& node, const std::string& path,
                  std::vector<std::pair<std::string, std::string>>& found) {
  if (node.IsMap())
    for (const auto& entry : node)
      list_scalars(entry.second, path + "/" + entry.first.Scalar(), found);
  else if (node.IsSequence())
    for (std::size_t i = 0; i < node.size(); ++i)
      list_scalars(node[i], path + "/" + std::to_string(i), found);
  else
    found.emplace_back(path, node.IsNull() ? "null" : node.Scalar());
}

Node sample() {
  List list;
  list.push_back(Node(1));
  list.push_back(Node("two, three"));
  list.push_back(Node(List{}));
  Map inner;
  inner.set("yes", Node("no"));
  inner.set("empty", Node(""));
  inner.set("lines", Node("a\nb: c\n\n  d"));
  inner.set("unicode", Node("两只猫 ☃"));
  inner.set("sexagesimal", Node("12:30"));
  inner.set("hash", Node("a # b"));
  Map root;
  root.set("list", Node(std::move(list)));
  root.set("inner", Node(std::move(inner)));
  root.set("flag", Node(true));
  root.set("nothing", Node());
  return Node(std::move(root));
}

TEST_CASE("another YAML library reads the written YAML with the same meaning", "[config]") {
  std::vector<std::pair<std::string, std::string>> found;
  list_scalars(YAML::Load(to_yaml(sample())), "", found);
  const std::vector<std::pair<std::string, std::string>> expected{
      {"/list/0", "1"},
      {"/list/1", "two, three"},
      {"/inner/yes", "no"},
      {"/inner/empty", ""},
      {"/inner/lines", "a\nb: c\n\n  d"},
      {"/inner/unicode", "两只猫 ☃"},
      {"/inner/sexagesimal", "12:30"},
      {"/inner/hash", "a # b"},
      {"/flag", "true"},
      {"/nothing", "null"}};
  CHECK(found == expected);
}

}  // namespace
}  // namespace chitu::config
