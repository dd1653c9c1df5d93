#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/cache/choice.h"

namespace chitu::cache {

/// The request's keys.
inline constexpr const char* kCacheKey = "request.flexcache";
inline constexpr const char* kParamsKey = "request.flexcache_params";

/// One parameter of a cache.
struct ParamSpec {
  enum class Kind { flag, integer, number, numbers };
  std::string name;
  Kind kind;
  double least = 0, most = 0;  ///< of each number
  std::string help;
};

/// "request.flexcache_params.order".
std::string param_key(const std::string& name);

/// Checks parameters against what a cache declares.
///
/// cache   its name, for messages
/// throws  InputError naming the key of a parameter that the cache does not have, or whose value is
///         of another kind or out of range
void check_params(const std::string& cache, const std::vector<ParamSpec>& specs,
                  const Params& params);

/// Checked parameters by name; empty = not given.
class ParamReader {
 public:
  explicit ParamReader(const Params& params) : params_(params) {}
  std::optional<bool> flag(const std::string& name) const { return get<bool>(name); }
  std::optional<double> number(const std::string& name) const { return get<double>(name); }
  std::optional<std::int64_t> integer(const std::string& name) const;
  std::optional<std::vector<double>> numbers(const std::string& name) const {
    return get<std::vector<double>>(name);
  }

 private:
  template <class T>
  std::optional<T> get(const std::string& name) const {
    const auto found = params_.find(name);
    if (found == params_.end()) return std::nullopt;
    return std::get<T>(found->second);
  }
  const Params& params_;
};

}  // namespace chitu::cache
