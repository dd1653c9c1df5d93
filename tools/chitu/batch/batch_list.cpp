#include "tools/chitu/batch/batch_list.h"

#include <algorithm>
#include <filesystem>

#include "chitu_core/common/nearest.h"
#include "chitu_core/config/override/override.h"
#include "chitu_core/config/value/error.h"
#include "tools/chitu/batch/job_expansion.h"
#include "tools/chitu/batch/job_fields.h"

namespace chitu::tools {
namespace {

using config::ConfigError;
using config::Node;

constexpr const char* kJobGroups[] = {"request", "output"};

/// The group of a key: "request" for request.seed.
std::string group_of(const std::string& key) { return key.substr(0, key.find('.')); }

bool is_job_key(const std::string& key) {
  return std::any_of(std::begin(kJobGroups), std::end(kJobGroups),
                     [&](const char* group) { return key.starts_with(std::string(group) + "."); });
}

/// Checks that a job may set this key, and that there is one.
class KeyCheck {
 public:
  explicit KeyCheck(const Node& config) : config_(config) {
    for (const char* group : kJobGroups)
      if (const Node* found = config.find(group); found && found->is_map())
        for (const std::string& key : config::keys_of(*found, group)) known_.push_back(key);
  }

  void check(const JobList& list) const {
    check(list.defaults);
    for (const JobAxis& axis : list.matrix) check(axis.values.front());
    for (const JobEntry& entry : list.entries) check(entry);
  }

 private:
  void check(const JobEntry& entry) const {
    for (const JobField& field : entry.fields) check(field);
  }

  void check(const JobField& field) const {
    if (std::find(known_.begin(), known_.end(), field.key) != known_.end()) return;
    const std::string outer = group_of(field.written);
    if (outer != "request" && outer != "output" && config_.find(outer))
      throw ConfigError(field.origin, field.written,
                        "holds for the whole batch, expected it on the command line; a job may set "
                        "the keys of request and output");
    throw ConfigError(field.origin, field.written, "unknown field" + advice(field.written));
  }

  /// The nearest fields, written as in the list; all of a request when none is near.
  std::string advice(const std::string& written) const {
    std::vector<std::string> names{std::string(kOverrides)};
    for (const std::string& key : known_) {
      const bool short_form = written.find('.') == std::string::npos && key.starts_with("request.");
      names.push_back(short_form ? key.substr(key.find('.') + 1) : key);
    }
    const std::string near = did_you_mean(written, names);
    return near.empty() ? ", expected one of " + join(names) : near;
  }

  const Node& config_;
  std::vector<std::string> known_;
};

/// The keys of jobs that the command line sets.
std::vector<std::string> fixed_keys(const config::ComposeRequest& request) {
  std::vector<std::string> keys;
  for (const std::string& text : request.overrides)
    if (const auto given = config::parse_override(text); is_job_key(given.key))
      keys.push_back(given.key);
  for (const auto& [key, text] : request.texts)
    if (is_job_key(key)) keys.push_back(key);
  return keys;
}

BatchJob compose_job(const ListedJob& listed, const Node& config,
                     const std::vector<std::string>& fixed) {
  BatchJob job{listed.index, listed.place, config.at("request"), config.at("output")};
  for (const JobField& field : listed.fields) {
    if (std::find(fixed.begin(), fixed.end(), field.key) != fixed.end()) continue;
    Node& group = group_of(field.key) == "request" ? job.request : job.output;
    *group.find(field.key.substr(field.key.find('.') + 1)) = field.value;
  }
  if (const Node* prompt = job.request.find("prompt"); prompt && prompt->is_missing())
    throw InputError(listed.place + ": has no prompt, expected prompt: TEXT");
  return job;
}

/// Composes what the jobs share. Several values for a key are not a sweep here.
config::Composition compose_shared(const config::ComposeRequest& request) {
  try {
    return config::compose(request);
  } catch (const ConfigError& error) {
    constexpr std::string_view kSweep = "to sweep over it, add --multirun";
    std::string text = error.what();
    if (const auto at = text.find(kSweep); at != std::string::npos)
      throw ConfigError(
          text.replace(at, kSweep.size(), "for a job of each, use `matrix` in the list"));
    throw;
  }
}

std::string stem_of(const std::string& path) {
  if (path == kStandardInput) return "stdin";
  return std::filesystem::path(path).stem().string();
}

}  // namespace

BatchList compose_batch(const std::string& path, const std::optional<std::string>& format,
                        const config::ComposeRequest& request) {
  const JobSource source = read_job_source(path, format);
  const JobList list = read_job_list(source);
  BatchList batch{compose_shared(request), {}, source.name, stem_of(path), {}};
  const Node& config = batch.composition.config;
  KeyCheck(config).check(list);
  const auto fixed = fixed_keys(request);
  for (const ListedJob& job : expand_jobs(list, source.name, fixed))
    batch.jobs.push_back(compose_job(job, config, fixed));
  return batch;
}

std::vector<std::string> take_paths(std::vector<std::string>& overrides) {
  // A group may have a slash before the equals sign, "device/profile=rtx4090"; a path that has an
  // equals sign has to begin like one.
  const auto is_override = [](const std::string& word) {
    const bool begins_as_path =
        word.starts_with('/') || word.starts_with("./") || word.starts_with("../");
    return word.starts_with('~') || (word.find('=') != std::string::npos && !begins_as_path);
  };
  const auto paths = std::stable_partition(overrides.begin(), overrides.end(), is_override);
  std::vector<std::string> taken(paths, overrides.end());
  overrides.erase(paths, overrides.end());
  return taken;
}

}  // namespace chitu::tools
