#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "chitu_core/config/bind/binder.h"
#include "chitu_core/parallel/options.h"

namespace chitu::pipelines {

/// The keys of `infer.diffusion` about ranks.
struct ParallelSettings {
  int cp_size = 1;
  std::optional<int> up;
  int cfg_size = 1;
  std::string cp_backend = "auto";
  bool shard_weights = false;
  double timeout_s = 300;
  void bind(config::Binder& binder);

  parallel::ParallelOptions options() const;
  std::chrono::milliseconds timeout() const;
};

}  // namespace chitu::pipelines
