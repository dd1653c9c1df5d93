#include "chitu_core/config/interpolate/calls.h"

#include <cstdlib>
#include <map>

#include "chitu_core/common/nearest.h"
#include "chitu_core/common/utf8.h"
#include "chitu_core/config/interpolate/resolvers.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/config/yaml/loader.h"

namespace chitu::config {
namespace {

void expect_arguments(const std::vector<Node>& arguments, std::size_t least, std::size_t most,
                      std::string_view usage) {
  if (arguments.size() >= least && arguments.size() <= most) return;
  throw ResolutionError("expected " + std::string(usage) + ", got " +
                        std::to_string(arguments.size()) +
                        (arguments.size() == 1 ? " argument" : " arguments"));
}

const std::string& text_argument(const Node& argument, std::string_view what) {
  if (!argument.is_string())
    throw ResolutionError(std::string(what) + " must be a string, got " + show(argument));
  return argument.text();
}

/// The value of an environment variable, checked: it may hold any bytes.
std::string utf8(const std::string& name, std::string value) {
  const auto bad = first_bad_byte(value);
  if (!bad) return value;
  throw ResolutionError("the environment variable " + name + " is not valid UTF-8 at byte " +
                        std::to_string(*bad + 1));
}

void replace_name(std::string& text, const std::string& name, const std::string& value) {
  for (const std::string& form : {"$" + name, "${" + name + "}"})
    for (std::size_t at = text.find(form); at != std::string::npos;
         at = text.find(form, at + value.size()))
      text.replace(at, form.size(), value);
}

}  // namespace

const Place* Calls::run(const Expression& expression) {
  std::string name;
  for (const Expression& part : expression.parts)
    name = join_path(name, evaluator_.name_of(part, at_, "a resolver's name"));
  std::vector<Node> arguments;
  for (const Expression& argument : expression.arguments)
    arguments.push_back(evaluator_.value_of(argument, at_));

  using Run = const Place* (Calls::*)(const std::vector<Node>&);
  static const std::map<std::string, Run, std::less<>> built_in = {
      {"oc.env", &Calls::env},
      {"oc.decode", &Calls::decode},
      {"oc.select", &Calls::select},
      {"oc.create", &Calls::create},
      {"oc.deprecated", &Calls::deprecated},
      {"oc.dict.keys", &Calls::dict_keys},
      {"oc.dict.values", &Calls::dict_values},
      {"hydra", &Calls::hydra}};
  const auto found = built_in.find(name);
  if (found != built_in.end()) return (this->*found->second)(arguments);
  return registered(name, std::move(arguments));
}

const Place* Calls::result(Node node) { return evaluator_.own(std::move(node), at_->parent, at_); }

const Place* Calls::env(const std::vector<Node>& arguments) {
  expect_arguments(arguments, 1, 2, "${oc.env:VARIABLE,default}");
  const std::string& name = text_argument(arguments[0], "the name of an environment variable");
  if (const char* value = std::getenv(name.c_str()))
    return result(Node::literal(utf8(name, value)));
  if (arguments.size() == 1)
    throw ResolutionError("the environment variable " + name + " is not set; ${oc.env:" + name +
                          ",default} gives it a default");
  if (arguments[1].is_null()) return result(Node());
  return result(Node::literal(python_text(arguments[1])));
}

const Place* Calls::decode(const std::vector<Node>& arguments) {
  expect_arguments(arguments, 1, 1, "${oc.decode:text}");
  if (arguments[0].is_null()) return result(Node());
  const std::string& text = text_argument(arguments[0], "the argument of oc.decode");
  return result(evaluator_.value_of(parse_element(text), at_));
}

const Place* Calls::select(const std::vector<Node>& arguments) {
  expect_arguments(arguments, 1, 2, "${oc.select:key,default}");
  const std::string& key = text_argument(arguments[0], "the key of oc.select");
  const Place* found = evaluator_.find(at_->parent, key);
  if (found && !found->node->is_missing()) return found;
  return result(arguments.size() == 2 ? arguments[1] : Node());
}

const Place* Calls::create(const std::vector<Node>& arguments) {
  expect_arguments(arguments, 1, 1, "${oc.create:{a: 1}} or ${oc.create:[1, 2]}");
  const Node& content = arguments[0];
  if (content.is_container() || content.is_null()) return result(reread(content));
  if (content.is_string()) return result(parse_yaml(content.text(), "oc.create"));
  throw ResolutionError("oc.create takes a map or a list, got " + show(content));
}

const Place* Calls::deprecated(const std::vector<Node>& arguments) {
  expect_arguments(arguments, 1, 2, "${oc.deprecated:new_key,message}");
  const std::string& key = text_argument(arguments[0], "the new key of oc.deprecated");
  std::string message = arguments.size() == 2
                            ? text_argument(arguments[1], "the message of oc.deprecated")
                            : "'$OLD_KEY' is deprecated. Change your code and config to use "
                              "'$NEW_KEY'";
  const Place* target = evaluator_.find(at_->parent, key);
  if (!target) throw ResolutionError("oc.deprecated: key " + key + " not found");
  replace_name(message, "OLD_KEY", Evaluator::full_key(at_));
  replace_name(message, "NEW_KEY", Evaluator::full_key(target));
  if (evaluator_.options_.warn) evaluator_.options_.warn(message);
  return target;
}

const Place* Calls::map_at(const std::vector<Node>& arguments, std::string_view resolver) {
  expect_arguments(arguments, 1, 1, "${" + std::string(resolver) + ":key}");
  const std::string& key = text_argument(arguments[0], "the key of " + std::string(resolver));
  const Place* found = evaluator_.find(at_->parent, key);
  if (!found) throw ResolutionError("key " + key + " not found");
  // A MissingValueError would make the whole result ???.
  if (found->node->is_missing()) throw ResolutionError(key + " is ???");
  if (!found->node->is_map())
    throw ResolutionError(std::string(resolver) + " takes a map, but " + key + " is " +
                          show(*found->node));
  return found;
}

const Place* Calls::dict_keys(const std::vector<Node>& arguments) {
  List keys;
  for (const Entry& entry : map_at(arguments, "oc.dict.keys")->node->map())
    keys.push_back(reread(key_value(entry.key)));
  return result(Node(std::move(keys)));
}

const Place* Calls::dict_values(const std::vector<Node>& arguments) {
  const Place* map = map_at(arguments, "oc.dict.values");
  // One dot more: the path is relative to the new list.
  std::string path = arguments[0].text();
  if (path.starts_with('.')) path.insert(0, 1, '.');
  List values;
  for (const Entry& entry : map->node->map())
    values.push_back(Node("${" + path + "." + entry.key.text + "}"));
  return result(Node(std::move(values)));
}

const Place* Calls::hydra(const std::vector<Node>& arguments) {
  expect_arguments(arguments, 1, 1, "${hydra:key}");
  const std::string& key = text_argument(arguments[0], "the key of hydra");
  const Node* full = evaluator_.options_.hydra_root;
  if (!full || !full->find("hydra")) throw ResolutionError("there is no hydra node here");
  EvaluateOptions options = evaluator_.options_;
  Evaluator other(*full, std::move(options));
  other.depth_ = evaluator_.depth_ + evaluator_.active_.size() + 1;
  if (other.depth_ > 100) throw ResolutionError("${hydra:...} refers to itself (a cycle)");
  const Place* found = other.find(other.root(), "hydra." + key);
  if (!found) return result(Node());
  if (found->node->is_missing()) throw MissingValueError("hydra." + key + " is ???");
  return result(other.plain(found));
}

const Place* Calls::registered(const std::string& name, std::vector<Node> arguments) {
  const auto resolver = find_resolver(name);
  if (!resolver)
    throw ResolutionError("unknown resolver " + (name.empty() ? "without a name" : name) +
                          did_you_mean(name, resolver_names()) +
                          "; known: " + join(resolver_names()));
  ResolverCall call{name, std::move(arguments), Evaluator::full_key(at_), at_->node->origin(), {}};
  call.select = [&](std::string_view path) -> std::optional<Node> {
    const Place* found = evaluator_.find(at_->parent, path);
    if (!found || found->node->is_missing()) return std::nullopt;
    return evaluator_.plain(found);
  };
  return result((*resolver)(call));
}

}  // namespace chitu::config
