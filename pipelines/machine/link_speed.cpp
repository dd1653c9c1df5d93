#include "pipelines/machine/link_speed.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <vector>

#include "chitu_core/common/bytes.h"
#include "chitu_core/device/device.h"
#include "chitu_core/parallel/communicator.h"

namespace chitu::pipelines {
namespace {

constexpr int kWarmUps = 2;

/// The shortest time of this rank for exchanges of so many bytes with the ranks `step` away.
double best_seconds(parallel::Communicator& ranks, const LinkMeasurement& measurement,
                    std::int64_t bytes, int times) {
  using Clock = std::chrono::steady_clock;
  const auto options = at::TensorOptions().dtype(at::kByte).device(measurement.device);
  const at::Tensor sent = at::ones({bytes}, options), received = at::empty({bytes}, options);
  const int size = ranks.size(), step = measurement.ranks_per_host.value_or(1);
  const int to = (ranks.rank() + step) % size, from = (ranks.rank() + size - step) % size;
  double best = std::numeric_limits<double>::infinity();
  for (int i = -kWarmUps; i < times; ++i) {
    const auto begin = Clock::now();
    ranks.exchange(sent, to, received, from)->wait();
    device::synchronize(measurement.device);
    if (i >= 0) best = std::min(best, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return best;
}

double slowest_of(parallel::Communicator& ranks, double seconds) {
  std::vector<at::Tensor> all;
  for (int rank = 0; rank < ranks.size(); ++rank) all.push_back(at::empty({1}, at::kDouble));
  ranks.all_gather(at::full({1}, seconds, at::kDouble), all);
  double slowest = 0;
  for (const at::Tensor& one : all) slowest = std::max(slowest, one.item<double>());
  return slowest;
}

std::string method(const std::string& what, int times) {
  return fmt::format("{} from every rank to the next at once, the best of {}, of the slowest rank",
                     what, times);
}

}  // namespace

LinkSpeed measure_link(parallel::Communicator& ranks, const LinkMeasurement& measurement) {
  constexpr std::int64_t kSmall = 4;
  const c10::InferenceMode inference;
  const auto slowest = [&](std::int64_t bytes, int times) {
    return slowest_of(ranks, best_seconds(ranks, measurement, bytes, times));
  };
  LinkSpeed speed{.ranks = ranks.size(),
                  .ranks_per_host = measurement.ranks_per_host,
                  .bandwidth = {},
                  .latency_s = slowest(kSmall, measurement.small_times),
                  .latency_how = method(format_bytes(kSmall), measurement.small_times)};
  speed.bandwidth = {
      static_cast<double>(measurement.bytes) / slowest(measurement.bytes, measurement.large_times),
      method(format_bytes(measurement.bytes), measurement.large_times)};
  return speed;
}

std::string to_yaml(const LinkSpeed& speed) {
  constexpr double kMega = 1e6, kMicroseconds = 1e6;
  std::string text = fmt::format(
      "# Measured by `chitu calibrate` with {0} ranks.\nname: gloo between {0} ranks, as measured\n"
      "bandwidth: {1:.0f}MB  # {2}\nlatency_us: {3:.1f}  # {4}\n"
      "shared: false  # what each rank has while all exchange\n",
      speed.ranks, speed.bandwidth.rate / kMega, speed.bandwidth.how,
      speed.latency_s * kMicroseconds, speed.latency_how);
  if (speed.ranks_per_host) text += fmt::format("ranks_per_host: {}\n", *speed.ranks_per_host);
  return text;
}

}  // namespace chitu::pipelines
