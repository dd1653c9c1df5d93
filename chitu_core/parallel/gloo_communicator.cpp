#include "chitu_core/parallel/gloo_communicator.h"

// libtorch's own header needs those of gloo, which a wheel does not bring. Another version of gloo
// will do: nothing here depends on the layout of gloo's types, as c10d keeps them behind pointers
// and its functions are called in libtorch's libraries.
#define USE_C10D_GLOO
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <spdlog/logger.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/common/log.h"
#include "chitu_core/parallel/monitor.h"
#include "chitu_core/parallel/own_address.h"
#include "chitu_core/parallel/store.h"

namespace chitu::parallel {
namespace {

using Backend = c10::intrusive_ptr<c10d::Backend>;
using Work = c10::intrusive_ptr<c10d::Work>;

/// gloo's own limit would count a slow rank as a failed one; the monitor tells them apart.
constexpr std::chrono::hours kNoLimit{24 * 365};
constexpr std::chrono::seconds kConnectLimit{300};

/// The connections of this process. Waiting ends when the monitor knows of a failed rank, and when
/// it is broken off.
class Connections {
 public:
  Connections(Backend backend, Monitor& monitor)
      : backend_(std::move(backend)), monitor_(monitor) {}

  /// Takes connections that are new on all ranks.
  void renew(Backend backend, int number) {
    const std::lock_guard lock(mutex_);
    backend_ = std::move(backend);
    renewals_ = number;
    is_broken_ = false;
  }
  /// The number of the last renewal.
  int renewals() const { return renewals_; }

  void break_off(int number) {
    {
      const std::lock_guard lock(mutex_);
      if (number <= renewals_) return;
      is_broken_ = true;
    }
    abort();
  }

  Work send(at::Tensor tensor, int to, int tag) {
    return start(to, [&] {
      std::vector<at::Tensor> one{std::move(tensor)};
      return backend_->send(one, to, tag);
    });
  }
  Work receive(at::Tensor tensor, int from, int tag) {
    return start(from, [&] {
      std::vector<at::Tensor> one{std::move(tensor)};
      return backend_->recv(one, from, tag);
    });
  }

  /// peer  the rank at the other end
  void wait(const Work& work, int peer) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.insert(work.get());
    }
    const Forget forget{*this, work.get()};
    monitor_.check();  // a failure before abort() could see the work
    if (start(peer, [&] { return work->wait(kNoLimit); })) return;
    monitor_.check();
    check_whole();
    throw Error(fmt::format("the exchange with rank {} was broken off", peer));
  }

  /// Ends all waiting.
  void abort() {
    const std::lock_guard lock(mutex_);
    for (c10d::Work* work : waiting_) work->abort();
  }

 private:
  struct Forget {
    Connections& connections;
    c10d::Work* work;
    ~Forget() {
      const std::lock_guard lock(connections.mutex_);
      connections.waiting_.erase(work);
    }
  };

  void check_whole() const {
    if (is_broken_) throw BrokenOff();
  }

  /// Calls gloo. Where it fails, says so of the first rank that did.
  template <class Call>
  auto start(int peer, const Call& call) -> decltype(call()) {
    check_whole();
    try {
      return call();
    } catch (const std::exception& error) {
      check_whole();
      logger("parallel")->debug("the exchange with rank {}: {}", peer, explain(error));
      raise(monitor_.lost(peer, "the connection is closed"));
    }
  }

  Backend backend_;
  Monitor& monitor_;
  std::mutex mutex_;
  std::set<c10d::Work*> waiting_;
  std::atomic<int> renewals_ = 0;
  std::atomic<bool> is_broken_ = false;
};

at::Tensor on_host(const at::Tensor& tensor) {
  return tensor.is_cpu() ? tensor : tensor.to(at::kCPU);
}

/// A tensor on its way here: into its own memory, or by way of the host.
struct Arrival {
  explicit Arrival(const at::Tensor& to)
      : target(to), host(to.is_cpu() ? to : at::empty(to.sizes(), to.options().device(at::kCPU))) {}
  void finish() const {
    if (!target.is_cpu()) target.copy_(host);
  }
  at::Tensor target, host;
};

/// Sends and arrivals that are under way.
class Exchange final : public PendingExchange {
 public:
  explicit Exchange(Connections& connections) : connections_(connections) {}

  void send(const at::Tensor& host, int to, int tag) {
    works_.emplace_back(connections_.send(host, to, tag), to);
    kept_.push_back(host);
  }
  void receive(const at::Tensor& target, int from, int tag) {
    const Arrival& arrival = arrivals_.emplace_back(target);
    works_.emplace_back(connections_.receive(arrival.host, from, tag), from);
  }

  void wait() override {
    for (const auto& [work, peer] : works_) connections_.wait(work, peer);
    for (const Arrival& arrival : arrivals_) arrival.finish();
    works_.clear();
    arrivals_.clear();
    kept_.clear();
  }

 private:
  Connections& connections_;
  std::vector<std::pair<Work, int>> works_;
  std::vector<Arrival> arrivals_;
  std::vector<at::Tensor> kept_;
};

/// A group of ranks. All groups use the same connections; their messages differ by their tags.
class GlooCommunicator final : public Communicator {
 public:
  /// ranks  of the world, in the order of the group
  GlooCommunicator(std::shared_ptr<Connections> connections, std::vector<int> ranks, int world_rank,
                   int number)
      : connections_(std::move(connections)),
        ranks_(std::move(ranks)),
        rank_(static_cast<int>(std::ranges::find(ranks_, world_rank) - ranks_.begin())),
        number_(number) {}

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(ranks_.size()); }
  std::int64_t bytes_sent() const override { return bytes_; }

  void all_to_all(const std::vector<at::Tensor>& sent,
                  const std::vector<at::Tensor>& received) override {
    Exchange all(*connections_);
    const int tag = next_tag();
    for (int other = 0; other < size(); ++other) {
      const auto at = static_cast<std::size_t>(other);
      if (other == rank_) continue;
      receive(all, received[at], other, tag);
      send(all, on_host(sent[at]), other, tag);
    }
    received[own()].copy_(sent[own()]);
    all.wait();
  }

  void all_gather(const at::Tensor& mine, const std::vector<at::Tensor>& received) override {
    Exchange all(*connections_);
    const int tag = next_tag();
    const at::Tensor host = size() > 1 ? on_host(mine) : mine;
    for (int other = 0; other < size(); ++other) {
      if (other == rank_) continue;
      receive(all, received[static_cast<std::size_t>(other)], other, tag);
      send(all, host, other, tag);
    }
    if (!received[own()].is_same(mine)) received[own()].copy_(mine);
    all.wait();
  }

  void broadcast(const at::Tensor& tensor, int root) override {
    Exchange all(*connections_);
    const int tag = next_tag();
    if (rank_ != root) {
      receive(all, tensor, root, tag);
    } else if (size() > 1) {
      const at::Tensor host = on_host(tensor);
      for (int other = 0; other < size(); ++other)
        if (other != root) send(all, host, other, tag);
    }
    all.wait();
  }

  std::unique_ptr<PendingExchange> exchange(const at::Tensor& sent, int to,
                                            const at::Tensor& received, int from) override {
    auto both = std::make_unique<Exchange>(*connections_);
    const int tag = next_tag();
    if (to == rank_ && from == rank_) {
      received.copy_(sent);
      return both;
    }
    receive(*both, received, from, tag);
    send(*both, on_host(sent), to, tag);
    return both;
  }

 private:
  std::size_t own() const { return static_cast<std::size_t>(rank_); }

  /// Both ends know the size: nothing is sent of an empty tensor.
  void send(Exchange& exchange, const at::Tensor& host, int to, int tag) {
    if (host.numel() == 0) return;
    exchange.send(host, ranks_[static_cast<std::size_t>(to)], tag);
    bytes_ += static_cast<std::int64_t>(host.nbytes());
  }
  void receive(Exchange& exchange, const at::Tensor& target, int from, int tag) {
    if (target.numel() == 0) return;
    exchange.receive(target, ranks_[static_cast<std::size_t>(from)], tag);
  }

  /// Every rank of the group makes the same calls, so that the same tags come up. Ranks whose calls
  /// were broken off count anew.
  int next_tag() {
    constexpr int kTags = 1 << 22;
    if (const int now = connections_->renewals(); now != renewals_) {
      renewals_ = now;
      calls_ = 0;
    }
    calls_ = (calls_ + 1) % kTags;
    return number_ * kTags + calls_;
  }

  std::shared_ptr<Connections> connections_;
  std::vector<int> ranks_;
  int rank_, number_, calls_ = 0, renewals_ = 0;
  std::atomic<std::int64_t> bytes_ = 0;
};

std::shared_ptr<gloo::transport::Device> device_towards(const std::string& address) {
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  return interface && *interface ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                 : c10d::ProcessGroupGloo::createDeviceForHostname(
                                       own_address_towards(address));
}

Backend connect(Store& store, int number, int rank, int size, const std::string& address,
                Monitor& monitor) {
  try {
    const auto options = c10d::ProcessGroupGloo::Options::create(kConnectLimit);
    options->devices.push_back(device_towards(address));
    return c10::make_intrusive<c10d::ProcessGroupGloo>(
        store.c10d_store(fmt::format("connections/{}", number)), rank, size, options);
  } catch (const std::exception& error) {
    monitor.check();
    throw Error("cannot connect the ranks: " + explain(error));
  }
}

std::vector<int> every(int count, int first, int step) {
  std::vector<int> ranks;
  for (int i = 0; i < count; ++i) ranks.push_back(first + i * step);
  return ranks;
}

class GlooTransport final : public Transport {
 public:
  GlooTransport(Store& store, int rank, int size, std::string address, Monitor& monitor)
      : store_(store), rank_(rank), size_(size), address_(std::move(address)), monitor_(monitor) {
    connections_ = std::make_shared<Connections>(connect(0), monitor);
    world_ = group(every(size, 0, 1));
    monitor.on_failure([held = std::weak_ptr(connections_)] {
      if (const auto all = held.lock()) all->abort();
    });
  }

  std::shared_ptr<const Groups> groups(const ParallelOptions& options) override {
    const int cp = options.cp_size;
    auto& made = groups_[{cp, options.shard_weights}];
    if (made) return made;
    Groups all{.world = world_,
               .context = group(every(cp, rank_ / cp * cp, 1)),
               .guidance = group(every(size_ / cp, rank_ % cp, cp)),
               .weights = nullptr};
    if (options.shard_weights) all.weights = group(every(size_, 0, 1));
    return made = std::make_shared<const Groups>(std::move(all));
  }

  void break_off(int number) override { connections_->break_off(number); }
  void renew(int number) override { connections_->renew(connect(number), number); }

 private:
  Backend connect(int number) {
    return parallel::connect(store_, number, rank_, size_, address_, monitor_);
  }
  std::shared_ptr<Communicator> group(std::vector<int> ranks) {
    return std::make_shared<GlooCommunicator>(connections_, std::move(ranks), rank_, number_++);
  }

  Store& store_;
  int rank_, size_;
  std::string address_;
  Monitor& monitor_;
  int number_ = 0;
  std::shared_ptr<Connections> connections_;
  std::shared_ptr<Communicator> world_;
  /// By cp_size and whether ranks share weights.
  std::map<std::pair<int, bool>, std::shared_ptr<const Groups>> groups_;
};

}  // namespace

bool has_gloo() { return true; }

std::unique_ptr<Transport> connect_gloo(Store& store, int rank, int size,
                                        const std::string& address, Monitor& monitor) {
  return std::make_unique<GlooTransport>(store, rank, size, address, monitor);
}

}  // namespace chitu::parallel
