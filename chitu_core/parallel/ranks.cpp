#include "chitu_core/parallel/ranks.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/device/shared_host_memory.h"
#include "chitu_core/parallel/gloo_communicator.h"
#include "chitu_core/parallel/host_ranks.h"
#include "chitu_core/parallel/meeting.h"
#include "chitu_core/parallel/store.h"
#include "chitu_core/parallel/transport.h"

namespace chitu::parallel {
namespace {

using std::chrono::milliseconds;

Monitor::Settings settings_for(const Launch& launch, milliseconds limit,
                               std::function<void(const Failure&)> end_process) {
  return {.rank = launch.rank,
          .size = launch.size,
          .serves_store = launch.rank == 0 && !launch.launcher_has_store,
          .store_owner = launch.launcher_has_store ? launch.launcher : "",
          .first_rank = launch.first_rank,
          .limit = limit,
          .end_process = std::move(end_process)};
}

/// Calls the store. Where it is gone, the rank that has served it is why.
template <class Call>
auto asking(const Monitor& monitor, const Call& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    if (const auto failure = monitor.failure_soon()) raise(*failure);
    throw Error("the ranks' store cannot be reached: " + explain(error));
  }
}

}  // namespace

Ranks::Ranks(const Launch& launch, const ParallelOptions& options, milliseconds limit,
             std::function<void(const Failure&)> end_process)
    : launch_(group_of(launch, options.world_size())) {
  store_ = meet(launch, launch_, limit);
  monitor_ = std::make_unique<Monitor>(store_->copy(),
                                       settings_for(launch_, limit, std::move(end_process)));
  transport_ = connect_gloo(*store_, rank(), size(), launch_.address, *monitor_);
  groups_ = transport_->groups(options);
  monitor_->on_setback([held = std::weak_ptr(transport_)](int number) {
    if (const auto transport = held.lock()) transport->break_off(number);
  });
  host_memory_ = memory_of_host(*store_, rank(), size(),
                                [this](const std::string& key) { return wait_for(key); });
  if (host_memory_) host_memory_->check_while_waiting([this] { monitor_->check(); });
}

Ranks::~Ranks() {
  if (host_memory_) host_memory_->check_while_waiting({});
}

std::shared_ptr<const Groups> Ranks::groups(const ParallelOptions& options) {
  return transport_->groups(options);
}

void Ranks::set(const std::string& key, const std::string& text) {
  asking(*monitor_, [&] { store_->set(key, text); });
}

/// The text of a key that another rank sets soon.
std::string Ranks::wait_for(const std::string& key) {
  constexpr milliseconds kSlice{100};
  while (true) {
    monitor_->check();
    if (auto text = asking(*monitor_, [&] { return store_->wait(key, kSlice); })) return *text;
  }
}

void Ranks::agree(const Facts& facts) {
  const std::string topic = fmt::format("agreement/{}", agreements_++);
  if (rank() == 0) set(topic, to_text(facts));
  const Facts expected = facts_from(wait_for(topic));
  if (const auto difference = first_difference(rank(), facts, expected, launch_.first_rank))
    raise(monitor_->disagree(*difference));
  set(fmt::format("{}/{}", topic, rank()), "");
  for (int other = 0; other < size(); ++other) wait_for(fmt::format("{}/{}", topic, other));
}

std::optional<Failure> Ranks::attempt(const std::function<void()>& work) {
  const int number = ++attempts_;
  std::optional<Failure> own;
  try {
    work();
    vote();
    return std::nullopt;
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    if (monitor_->failure()) throw;
    // A rank that is at later work has seen that all have done this.
    if (monitor_->setback() > number) return std::nullopt;
    if (monitor_->setback() < number) own = own_failure(error);
  }
  return settle(number, own);
}

/// Returns when every rank has called it.
void Ranks::vote() {
  const at::Tensor mine = at::zeros({1}, at::kByte);
  std::vector<at::Tensor> all;
  for (int other = 0; other < size(); ++other) all.push_back(at::empty_like(mine));
  groups_->world->all_gather(mine, all);
}

Failure Ranks::own_failure(const std::exception& error) const {
  const std::string label = is_first() ? "" : fmt::format("rank {}: ", launch_.first_rank + rank());
  return {rank(), exit_code(error), label + explain(error)};
}

/// All ranks learn of each other's failures, and connect again.
Failure Ranks::settle(int number, const std::optional<Failure>& own) {
  const std::string topic = fmt::format("setback/{}", number);
  if (own) asking(*monitor_, [&] { Monitor::set_back(*store_, number); });
  set(fmt::format("{}/{}", topic, rank()), own ? to_text(*own) : "");
  std::optional<Failure> first;
  for (int other = 0; other < size(); ++other)
    if (const std::string text = wait_for(fmt::format("{}/{}", topic, other));
        !text.empty() && !first)
      first = failure_from(text);
  transport_->renew(number);
  if (!first) throw Error("the exchange between the ranks was broken off");
  return *first;
}

}  // namespace chitu::parallel
