#include "pipelines/settings/flexcache_settings.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/cache/cache.h"

namespace chitu::pipelines {
namespace {

using cache::ParamSpec;

/// A parameter by its name: what the caches that have it say of it.
struct Known {
  ParamSpec spec;
  std::string help;
};

void add(std::map<std::string, Known>& all, const std::string& cache, const ParamSpec& spec) {
  const std::string help = (cache.empty() ? "" : cache + ": ") + spec.help;
  const auto [known, is_new] = all.emplace(spec.name, Known{spec, help});
  if (is_new) return;
  known->second.help += "; " + help;
  known->second.spec.least = std::min(known->second.spec.least, spec.least);
  known->second.spec.most = std::max(known->second.spec.most, spec.most);
}

std::map<std::string, Known> known_params() {
  std::map<std::string, Known> all;
  for (const ParamSpec& spec : cache::common_params()) add(all, "", spec);
  for (const auto& [name, cache] : Registry<cache::Cache>::instance().entries())
    for (const ParamSpec& spec : cache->params()) add(all, name, spec);
  return all;
}

template <class T>
void bind_one(config::Binder& b, const Known& known, const config::Rule& rule,
              cache::Params& params) {
  std::optional<T> value;
  b.field(known.spec.name, value, rule, known.help);
  if (value) params[known.spec.name] = *value;
}

void bind_integer(config::Binder& b, const Known& known, const config::Rule& rule,
                  cache::Params& params) {
  std::optional<std::int64_t> value;
  b.field(known.spec.name, value, rule, known.help);
  if (value) params[known.spec.name] = static_cast<double>(*value);
}

}  // namespace

void FlexcacheSettings::bind(config::Binder& b) {
  for (const auto& [name, known] : known_params()) {
    const config::Rule rule = config::between(known.spec.least, known.spec.most);
    switch (known.spec.kind) {
      case ParamSpec::Kind::flag:
        bind_one<bool>(b, known, {}, params);
        break;
      case ParamSpec::Kind::integer:
        bind_integer(b, known, rule, params);
        break;
      case ParamSpec::Kind::number:
        bind_one<double>(b, known, rule, params);
        break;
      case ParamSpec::Kind::numbers:
        bind_one<std::vector<double>>(b, known, rule, params);
        break;
    }
  }
}

}  // namespace chitu::pipelines
