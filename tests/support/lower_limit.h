#pragma once

#include <sys/resource.h>

#include <stdexcept>

namespace chitu::testing {

/// A lower soft limit of the system (RLIMIT_NOFILE and so on), for as long as this lives.
class LowerLimit {
 public:
  LowerLimit(__rlimit_resource resource, rlim_t most) : resource_(resource) {
    if (::getrlimit(resource_, &before_) != 0) throw std::runtime_error("getrlimit failed");
    const rlimit lower{most, before_.rlim_max};
    if (::setrlimit(resource_, &lower) != 0) throw std::runtime_error("setrlimit failed");
  }
  ~LowerLimit() { ::setrlimit(resource_, &before_); }
  LowerLimit(const LowerLimit&) = delete;
  LowerLimit& operator=(const LowerLimit&) = delete;

 private:
  __rlimit_resource resource_;
  rlimit before_{};
};

}  // namespace chitu::testing
