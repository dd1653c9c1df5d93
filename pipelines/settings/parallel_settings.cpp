#include "pipelines/settings/parallel_settings.h"

namespace chitu::pipelines {

using config::between;
using config::one_of;

namespace {
constexpr double kMostRanks = 1024;
constexpr double kSecondsOfDay = 86400;
}  // namespace

void ParallelSettings::bind(config::Binder& b) {
  b.field("cp_size", cp_size, between(1, kMostRanks),
          "context parallelism: ranks (processes) that share the sequence of a video");
  b.field("up", up, between(1, kMostRanks),
          "Ulysses degree, a divisor of cp_size; the rest is the ring's; null: the largest that "
          "divides the heads");
  b.field("cfg_size", cfg_size, between(1, 2),
          "2: guidance parallelism, each branch on ranks of its own");
  b.field("cp_backend", cp_backend, one_of({"auto", "ulysses", "ring", "allgather"}),
          "how attention exchanges heads or parts of the sequence; auto: by up");
  b.field(
      "shard_weights", shard_weights,
      "each rank reads its share of the weights and sends it to the others, so that all of them "
      "read what one process reads");
  b.field("timeout_s", timeout_s, between(1, kSecondsOfDay),
          "seconds within which all ranks end after one has ended or does not answer");
}

parallel::ParallelOptions ParallelSettings::options() const {
  parallel::ParallelOptions options;
  options.cp_size = cp_size;
  options.up = up.value_or(0);
  options.cfg_size = cfg_size;
  options.backend = cp_backend;
  options.shard_weights = shard_weights;
  return options;
}

std::chrono::milliseconds ParallelSettings::timeout() const {
  constexpr double kPerSecond = 1000;
  return std::chrono::milliseconds(static_cast<std::int64_t>(timeout_s * kPerSecond));
}

}  // namespace chitu::pipelines
