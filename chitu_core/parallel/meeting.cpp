#include "chitu_core/parallel/meeting.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/parallel/monitor.h"
#include "chitu_core/parallel/own_address.h"
#include "chitu_core/parallel/store.h"

namespace chitu::parallel {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

milliseconds left_until(Clock::time_point end) {
  const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
  return std::max(left, milliseconds(1));
}

[[noreturn]] void refuse_missing(const std::vector<std::string>& missing, const Launch& launch,
                                 milliseconds limit) {
  throw Error(fmt::format("rank{} {} of {} did not come within {:g} s (infer.diffusion.timeout_s)",
                          missing.size() > 1 ? "s" : "", join(missing), launch.size,
                          static_cast<double>(limit.count()) / 1000));
}

/// Waits until every rank has set its key.
void join_all(Store& store, const Launch& launch, const std::function<std::string(int)>& key_of,
              milliseconds limit) {
  const auto end = Clock::now() + limit;
  std::vector<std::string> missing;
  for (int rank = 0; rank < launch.size; ++rank)
    if (!store.wait(key_of(rank), left_until(end)))
      missing.push_back(std::to_string(launch.first_rank + rank));
  if (!missing.empty()) refuse_missing(missing, launch, limit);
}

std::string met_key(int rank) { return fmt::format("met/{}", rank); }

std::unique_ptr<Store> serve_group(Store& all, const std::string& key, Launch& group,
                                   milliseconds limit) {
  auto store = Store::serve(limit);
  group.address = own_address_towards(group.address);
  group.port = store->port();
  all.set(key, fmt::format("{} {}", group.port, group.address));
  return store;
}

std::unique_ptr<Store> reach_group(Store& all, const std::string& key, const Launch& launch,
                                   Launch& group, milliseconds limit) {
  const auto place = all.wait(key, limit);
  if (!place) refuse_missing({std::to_string(group.first_rank)}, launch, limit);
  const auto space = place->find(' ');
  group.port = std::stoi(place->substr(0, space));
  group.address = place->substr(space + 1);
  return std::make_unique<Store>(group, limit);
}

/// The store of a group, told in the store of all.
std::unique_ptr<Store> store_of_group(const Launch& launch, Launch& group, milliseconds limit) {
  Store all(launch, limit);
  group.launcher_has_store = false;
  group.attempt = 0;
  const std::string key = fmt::format("group/{}", group.first_rank);
  auto store = group.rank == 0 ? serve_group(all, key, group, limit)
                               : reach_group(all, key, launch, group, limit);
  all.set(met_key(launch.rank), "");
  // The store of all ends with this process.
  if (launch.rank == 0 && !launch.launcher_has_store) join_all(all, launch, met_key, limit);
  return store;
}

}  // namespace

std::unique_ptr<Store> meet(const Launch& launch, Launch& group, milliseconds limit) {
  auto store = launch.size == group.size ? std::make_unique<Store>(launch, limit)
                                         : store_of_group(launch, group, limit);
  Monitor::announce(*store, group.rank);
  join_all(*store, group, &Monitor::key_of, limit);
  return store;
}

}  // namespace chitu::parallel
