#include "chitu/config.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/is_optional.h"
#include "chitu_core/common/utf8.h"
#include "chitu_core/config/compose/compose.h"
#include "chitu_core/config/override/edit.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/yaml/yaml_writer.h"
#include "pipelines/api/config_access.h"
#include "pipelines/api/quiet_log.h"
#include "pipelines/composition/config_folders.h"
#include "pipelines/composition/shipped_configs.h"
#include "pipelines/composition/short_forms.h"

namespace chitu {
namespace fs = std::filesystem;

using config::Kind;
using config::Node;

namespace {

std::string full_key(std::string_view key) {
  return (pipelines::is_short_form(key) ? "request." : "") + std::string(key);
}

std::optional<std::string> given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

config::Composition compose_tree(const ComposeOptions& options) {
  static std::once_flag registered;
  std::call_once(registered, pipelines::register_chitu_resolver);
  if (!options.config_dir.empty() && !fs::is_directory(options.config_dir))
    throw config::ConfigError("config_dir=" + options.config_dir + ": no such folder");
  auto folders = pipelines::with_shipped_configs({.config_path = {},
                                                  .config_dir = given(options.config_dir),
                                                  .config_name = given(options.config_name)},
                                                 pipelines::data_folder() / "config");
  config::ComposeRequest request;
  request.search_path = std::move(folders.search_path);
  request.config_name = std::move(folders.config_name);
  for (const std::string& override : options.overrides)
    request.overrides.push_back(pipelines::expand_short_form(override));
  request.new_keys = false;
  return config::compose(request);
}

/// The settings, and what is wrong with them. A prompt may be missing: each request has its own.
std::pair<pipelines::Settings, std::vector<std::string>> bind(const config::Composition& composed) {
  Node tree = composed.config;
  pipelines::fill_in_prompt(tree);
  pipelines::Settings settings;
  config::Binder binder(config::View(tree, &composed.root));
  settings.bind(binder);
  return {settings, binder.finish()};
}

/// Those of `after` that are not in `before`.
std::vector<std::string> added(const std::vector<std::string>& before,
                               std::vector<std::string> after) {
  std::erase_if(after, [&](const std::string& mistake) {
    return std::ranges::find(before, mistake) != before.end();
  });
  return after;
}

/// throws  ConfigError when the text is not UTF-8
Node text_node(std::string_view key, std::string_view text) {
  if (const auto bad = first_bad_byte(text))
    throw config::ConfigError(full_key(key) + ": not valid UTF-8 at byte " +
                              std::to_string(*bad + 1));
  return Node::literal(std::string(text));
}

config::Override override_of(const std::string& key, Node value) {
  config::Override change;
  change.key = key;
  change.value_type = config::ValueType::element;
  change.text = key + "=" + config::override_text(value);
  change.origin.text = std::make_shared<const std::string>(change.text);
  change.origin.kind = config::Origin::Kind::override_text;
  change.value = std::move(value);
  return change;
}

}  // namespace

struct Config::Impl {
  config::Composition composed;

  /// Changes a copy, so that a value that does not fit changes nothing.
  void set(std::string_view key, Node value) {
    const auto change = override_of(full_key(key), std::move(value));
    config::Composition changed = composed;
    for (Node* tree : {&changed.config, &changed.root}) {
      config::apply_override(*tree, change, false);
      Node literal = change.value;  // a text with ${ is no interpolation here
      *tree->find(change.key) = literal.at_origin(change.origin);
    }
    config::throw_errors(added(bind(composed).second, bind(changed).second));
    composed = std::move(changed);
  }

  /// throws  ConfigError when there is no such key or it has no value
  config::View at(std::string_view key) const {
    const std::string full = full_key(key);
    const auto found = composed.view().find(full);
    if (!found) composed.config.at(full);  // throws, with the nearest key
    const config::View view = found ? *found : composed[full];
    if (view.written().is_missing())
      throw config::ConfigError(view.written().origin(), view.key(), "is ??? (no value yet)");
    return view;
  }
};

Config::Config(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Config::Config(const Config& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config other) noexcept {
  impl_ = std::move(other.impl_);
  return *this;
}
Config::~Config() = default;

void Config::set(std::string_view key, bool value) { impl_->set(key, Node(value)); }
void Config::set(std::string_view key, std::int64_t value) { impl_->set(key, Node(value)); }
void Config::set(std::string_view key, std::uint64_t value) { impl_->set(key, Node(value)); }
void Config::set(std::string_view key, double value) { impl_->set(key, Node(value)); }
void Config::set(std::string_view key, std::nullopt_t) { impl_->set(key, Node()); }
void Config::set(std::string_view key, std::string_view value) {
  impl_->set(key, text_node(key, value));
}
void Config::set(std::string_view key, const std::vector<std::string>& value) {
  config::List items;
  for (const std::string& item : value) items.push_back(text_node(key, item));
  impl_->set(key, Node(std::move(items)));
}

namespace {

[[noreturn]] void refuse(const config::View& view, const char* expected) {
  throw config::ConfigError(
      view.written().origin(), view.key(),
      std::string("expected ") + expected + ", got " + config::show(view.node()));
}

template <class T>
T integer(const config::View& view) {
  const Node& node = view.node();
  if (node.kind() != Kind::integer) refuse(view, "an integer");
  const bool fits =
      node.is_signed() ? std::in_range<T>(node.as_integer()) : std::in_range<T>(node.as_bits());
  if (!fits) refuse(view, "an integer that fits the type asked for");
  return node.is_signed() ? static_cast<T>(node.as_integer()) : static_cast<T>(node.as_bits());
}

template <class T>
T read(const config::View& view) {
  const Node& node = view.node();
  if constexpr (is_optional<T>) {
    if (node.is_null()) return std::nullopt;
    return read<typename T::value_type>(view);
  } else if constexpr (std::is_same_v<T, bool>) {
    if (node.kind() != Kind::boolean) refuse(view, "a boolean");
    return node.as_bool();
  } else if constexpr (std::is_integral_v<T>) {
    return integer<T>(view);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (node.kind() != Kind::real && node.kind() != Kind::integer) refuse(view, "a number");
    return node.as_real();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!node.is_string()) refuse(view, "a string");
    return node.text();
  } else {
    if (!node.is_list()) refuse(view, "a list");
    T items;
    for (const config::View& item : view.children())
      items.push_back(read<typename T::value_type>(item));
    return items;
  }
}

}  // namespace

template <class T>
T Config::get(std::string_view key) const {
  return read<T>(impl_->at(key));
}

template bool Config::get(std::string_view) const;
template int Config::get(std::string_view) const;
template std::int64_t Config::get(std::string_view) const;
template std::uint64_t Config::get(std::string_view) const;
template double Config::get(std::string_view) const;
template std::string Config::get(std::string_view) const;
template std::vector<std::string> Config::get(std::string_view) const;
template std::optional<bool> Config::get(std::string_view) const;
template std::optional<int> Config::get(std::string_view) const;
template std::optional<std::int64_t> Config::get(std::string_view) const;
template std::optional<std::uint64_t> Config::get(std::string_view) const;
template std::optional<double> Config::get(std::string_view) const;
template std::optional<std::string> Config::get(std::string_view) const;
template std::optional<std::vector<std::string>> Config::get(std::string_view) const;

std::string Config::to_yaml() const { return config::to_yaml(impl_->composed.resolved()); }

Config compose(const ComposeOptions& options) { return ConfigAccess::compose(options); }

Config ConfigAccess::compose(const ComposeOptions& options) {
  api::log_quietly();
  auto impl = std::make_unique<Config::Impl>(Config::Impl{compose_tree(options)});
  config::throw_errors(bind(impl->composed).second);
  return Config(std::move(impl));
}

pipelines::Settings ConfigAccess::settings(const Config& config) {
  auto [settings, mistakes] = bind(config.impl_->composed);
  config::throw_errors(mistakes);
  return settings;
}

bool ConfigAccess::has_prompt(const Config& config) {
  const Node* prompt = config.impl_->composed.config.find("request.prompt");
  return !prompt || !prompt->is_missing();
}

}  // namespace chitu
