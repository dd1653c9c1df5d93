#include "tools/chitu/batch/job_fields.h"

#include <algorithm>
#include <array>
#include <utility>

#include "chitu_core/config/override/override.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/text.h"
#include "pipelines/composition/short_forms.h"

namespace chitu::tools {
namespace {

using config::ConfigError;
using config::Node;
using config::Origin;

constexpr std::array<std::string_view, 7> kTextKeys{
    "request.prompt",       "request.negative_prompt",   "request.image", "request.last_image",
    "request.image_sha256", "request.last_image_sha256", "output.name"};

/// Parses an override; errors begin with its place in the list.
config::Override parse_at(const std::string& text, const Origin& origin) {
  try {
    return config::parse_override(text);
  } catch (const ConfigError& error) {
    throw ConfigError(origin, error.what());
  }
}

/// A value with the same place everywhere.
Node placed(Node value, const Origin& origin) {
  value.at_origin(origin);
  if (value.is_list())
    for (Node& item : value.list()) item = placed(std::move(item), origin);
  if (value.is_map())
    for (config::Entry& entry : value.map()) entry.value = placed(std::move(entry.value), origin);
  return value;
}

JobField field_of_override(const Node& text) {
  const Origin& origin = text.origin();
  if (text.is_container() || text.is_null())
    throw ConfigError(origin, kOverrides,
                      "expected overrides such as output.format=gif, got " + config::show(text));
  const std::string typed = text.is_string() || text.is_interpolation() || text.is_missing()
                                ? text.text()
                                : config::python_text(text);
  const config::Override given = parse_at(pipelines::expand_short_form(typed), origin);
  if (given.is_sweep())
    throw ConfigError(origin, typed,
                      "gives several values, expected one; `matrix:` makes a job of each");
  if (given.type == config::OverrideType::remove || given.package ||
      given.key.find('.') == std::string::npos)
    throw ConfigError(
        origin, typed,
        "expected request.KEY=VALUE or output.KEY=VALUE, which is what a job may set");
  return {given.key, placed(given.config_value(), origin), origin, given.key};
}

}  // namespace

std::string job_key(std::string_view field) {
  const bool has_group = field.find('.') != std::string_view::npos;
  return (has_group ? "" : "request.") + std::string(field);
}

bool is_text_key(std::string_view key) {
  return std::find(kTextKeys.begin(), kTextKeys.end(), key) != kTextKeys.end();
}

void add_field(JobEntry& entry, JobField field) {
  for (const JobField& other : entry.fields)
    if (other.key == field.key)
      throw ConfigError(field.origin, field.written,
                        "stands twice in this entry, expected one of the two");
  entry.fields.push_back(std::move(field));
}

void add_overrides(JobEntry& entry, const Node& overrides) {
  if (overrides.is_null()) return;
  const config::List all = overrides.is_list() ? overrides.list() : config::List{overrides};
  for (const Node& text : all) entry.fields.push_back(field_of_override(text));
}

Node cell_value(const std::string& key, const std::string& text, const Origin& origin) {
  const Node as_it_stands = Node::literal(text).at_origin(origin);
  if (is_text_key(key)) return as_it_stands;
  try {
    const config::Override given = config::parse_override(key + "=" + text);
    return given.is_sweep() ? as_it_stands : placed(given.config_value(), origin);
  } catch (const ConfigError&) {
    return as_it_stands;  // whoever reads the key says what it expects
  }
}

}  // namespace chitu::tools
