#include "tools/chitu/batch/job_tree.h"

#include <utility>

#include "chitu_core/common/nearest.h"
#include "chitu_core/config/override/override.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/text.h"
#include "tools/chitu/batch/job_fields.h"

namespace chitu::tools {
namespace {

using config::ConfigError;
using config::Entry;
using config::Node;

const std::vector<std::string> kParts{"defaults", "matrix", "jobs"};

bool is_group(const Entry& field) {
  return field.value.is_map() && (field.key.text == "request" || field.key.text == "output");
}

/// A group as a map: {request: {seed: 1}}.
void add_group(JobEntry& entry, const Entry& group) {
  for (const Entry& field : group.value.map()) {
    const std::string key = group.key.text + "." + field.key.text;
    add_field(entry, {key, field.value, field.origin, key});
  }
}

JobEntry entry_of_map(const Node& node) {
  JobEntry entry;
  entry.origin = node.origin();
  const Node* overrides = nullptr;
  for (const Entry& field : node.map()) {
    if (field.key.text == kOverrides)
      overrides = &field.value;
    else if (is_group(field))
      add_group(entry, field);
    else
      add_field(entry, {job_key(field.key.text), field.value, field.origin, field.key.text});
  }
  if (overrides) add_overrides(entry, *overrides);
  return entry;
}

/// "range(1,4)" and "choice(a,b)" as their values, anything else as the one value that it is.
std::vector<Node> swept(const Node& value, const std::string& key) {
  if (!value.is_string()) return {value};
  const std::string& text = value.text();
  if (!text.starts_with("range(") && !text.starts_with("choice(")) return {value};
  std::vector<Node> values;
  try {
    for (const Node& each :
         config::sweep_values(config::parse_override(key + "=" + text).sweep, {}))
      values.push_back(Node(each).at_origin(value.origin()));
  } catch (const ConfigError& error) {
    throw ConfigError(value.origin(), "matrix", error.what());
  }
  return values;
}

JobAxis axis_of(const Entry& written) {
  JobAxis axis{job_key(written.key.text), {}, written.origin};
  const std::vector<Node> values = written.value.is_list() ? std::vector<Node>(written.value.list())
                                                           : swept(written.value, axis.key);
  for (const Node& value : values)
    axis.values.push_back({axis.key, value, value.origin(), written.key.text});
  if (axis.values.empty() || written.value.is_null() || written.value.is_map())
    throw ConfigError(
        written.origin, "matrix." + written.key.text,
        (axis.values.empty() ? "has no values, expected a list or range(first,past), got "
                             : "expected a list of values, or range(first,past), got ") +
            config::show(written.value));
  return axis;
}

std::vector<JobAxis> matrix_of(const Node& node) {
  if (node.is_null()) return {};
  if (!node.is_map())
    throw ConfigError(node.origin(), "matrix",
                      "expected keys with lists of values, got " + config::show(node));
  std::vector<JobAxis> axes;
  for (const Entry& entry : node.map()) {
    axes.push_back(axis_of(entry));
    for (std::size_t i = 0; i + 1 < axes.size(); ++i)
      if (axes[i].key == axes.back().key)
        throw ConfigError(entry.origin, "matrix." + entry.key.text,
                          "stands twice in matrix, expected one of the two");
  }
  return axes;
}

JobEntry defaults_of(const Node& node) {
  if (node.is_null()) return {};
  if (!node.is_map())
    throw ConfigError(node.origin(), "defaults", "expected fields, got " + config::show(node));
  return entry_of_map(node);
}

std::vector<JobEntry> entries_of(const Node& node) {
  if (node.is_null()) return {};
  if (!node.is_list())
    throw ConfigError(node.origin(), "jobs", "expected a list of jobs, got " + config::show(node));
  std::vector<JobEntry> entries;
  for (const Node& item : node.list()) entries.push_back(entry_of_tree(item));
  return entries;
}

JobList jobs_of_map(const Node& root) {
  JobList list;
  bool has_jobs = false;
  for (const Entry& part : root.map()) {
    if (part.key.text == "defaults")
      list.defaults = defaults_of(part.value);
    else if (part.key.text == "matrix")
      list.matrix = matrix_of(part.value);
    else if (part.key.text == "jobs")
      has_jobs = true, list.entries = entries_of(part.value);
    else
      throw ConfigError(part.origin, part.key.text,
                        "unknown part of a job list, expected " + join(kParts) +
                            did_you_mean(part.key.text, kParts));
  }
  // Without jobs, defaults and matrix say everything about them.
  if (!has_jobs && (!list.matrix.empty() || !list.defaults.fields.empty()))
    list.entries.push_back({{}, root.origin()});
  return list;
}

}  // namespace

JobEntry entry_of_tree(const Node& node) {
  if (node.is_map()) return entry_of_map(node);
  if (node.is_null() || node.is_list())
    throw ConfigError(node.origin(), "expected a job, which is a prompt or a map of fields, got " +
                                         config::show(node));
  JobEntry entry;
  entry.origin = node.origin();
  entry.fields.push_back({job_key("prompt"), node, node.origin(), "prompt"});
  return entry;
}

JobList jobs_of_tree(const Node& root, const std::string& name) {
  if (root.is_map()) return jobs_of_map(root);
  if (!root.is_list())
    throw ConfigError(name + ": expected a list of jobs, or a map with " + join(kParts) + ", got " +
                      config::show(root));
  return {{}, {}, entries_of(root)};
}

}  // namespace chitu::tools
