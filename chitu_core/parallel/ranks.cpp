#include "chitu_core/parallel/ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/parallel/gloo_communicator.h"
#include "chitu_core/parallel/store.h"

namespace chitu::parallel {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

milliseconds left_until(Clock::time_point end) {
  const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
  return std::max(left, milliseconds(1));
}

/// Waits until every rank has announced itself.
void join_all(Store& store, const Launch& launch, milliseconds limit) {
  const auto end = Clock::now() + limit;
  std::vector<std::string> missing;
  for (int rank = 0; rank < launch.size; ++rank)
    if (!store.wait(Monitor::key_of(rank), left_until(end)))
      missing.push_back(std::to_string(rank));
  if (missing.empty()) return;
  throw Error(fmt::format("rank{} {} of {} did not come within {:g} s (infer.diffusion.timeout_s)",
                          missing.size() > 1 ? "s" : "", join(missing), launch.size,
                          static_cast<double>(limit.count()) / 1000));
}

Monitor::Settings settings_for(const Launch& launch, milliseconds limit,
                               std::function<void(const Failure&)> end_process) {
  return {.rank = launch.rank,
          .size = launch.size,
          .serves_store = launch.rank == 0 && !launch.launcher_has_store,
          .store_owner = launch.launcher_has_store ? launch.launcher : "rank 0",
          .limit = limit,
          .end_process = std::move(end_process)};
}

}  // namespace

Ranks::Ranks(const Launch& launch, const ParallelOptions& options, milliseconds limit,
             std::function<void(const Failure&)> end_process)
    : launch_(launch) {
  store_ = std::make_unique<Store>(launch, limit);
  Monitor::announce(*store_, launch.rank);
  join_all(*store_, launch, limit);
  monitor_ = std::make_unique<Monitor>(store_->copy(),
                                       settings_for(launch, limit, std::move(end_process)));
  groups_ = std::make_shared<const Groups>(
      connect_gloo(*store_, launch.rank, options, launch.address, *monitor_));
}

Ranks::~Ranks() = default;

/// The text of a key that another rank sets soon.
std::string Ranks::wait_for(const std::string& key) {
  constexpr milliseconds kSlice{100};
  while (true) {
    monitor_->check();
    if (auto text = store_->wait(key, kSlice)) return *text;
  }
}

void Ranks::agree(const Facts& facts) {
  const std::string topic = fmt::format("agreement/{}", agreements_++);
  if (rank() == 0) store_->set(topic, to_text(facts));
  const Facts expected = facts_from(wait_for(topic));
  if (const auto difference = first_difference(rank(), facts, expected))
    raise(monitor_->disagree(*difference));
  store_->set(fmt::format("{}/{}", topic, rank()), "");
  for (int other = 0; other < size(); ++other) wait_for(fmt::format("{}/{}", topic, other));
}

}  // namespace chitu::parallel
