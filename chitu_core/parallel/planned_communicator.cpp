#include "chitu_core/parallel/planned_communicator.h"

#include <ATen/ATen.h>

#include <utility>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/dry_run_exchanges.h"

namespace chitu::parallel {
namespace {

std::int64_t bytes_of(const at::Tensor& tensor) {
  return static_cast<std::int64_t>(tensor.nbytes());
}

at::Tensor on_host(const at::Tensor& tensor) {
  return device::is_host(tensor.device()) ? tensor : tensor.to(device::host());
}

}  // namespace

/// An exchange that is counted: message by message, then begun, and waited for. Tensors of a device
/// have their copies in host memory from then on until the wait.
class PlannedCommunicator::Counted final : public PendingExchange {
 public:
  explicit Counted(const PlannedCommunicator& group) : group_(group) {
    const auto ranks = static_cast<std::size_t>(group.size_);
    exchange_ = {group.place_.world, group.place_.stride, std::vector<std::int64_t>(ranks),
                 std::vector<std::int64_t>(ranks)};
  }

  void receive(const at::Tensor& target, int from) {
    if (from == group_.rank_ || target.numel() == 0) return;
    exchange_.received[distance(from)] += bytes_of(target);
    if (device::is_host(target.device())) return;
    arrivals_.emplace_back(target,
                           at::empty(target.sizes(), target.options().device(device::host())));
  }
  void send(const at::Tensor& host, int to) {
    if (to == group_.rank_ || host.numel() == 0) return;
    exchange_.sent[distance(to)] += bytes_of(host);
    kept_.push_back(host);
  }
  void begin() {
    if (group_.place_.of_weights) {
      device::count_sent_weights(exchange_.sent_bytes());
      device::count_exchange_beside(std::move(exchange_));
    } else {
      number_ = device::begin_exchange(std::move(exchange_));
    }
  }

  void wait() override {
    if (!group_.place_.of_weights) device::end_exchange(number_);
    for (const auto& [target, host] : arrivals_) target.copy_(host);
    arrivals_.clear();
    kept_.clear();
  }

 private:
  std::size_t distance(int to) const {
    return static_cast<std::size_t>((to - group_.rank_ + group_.size_) % group_.size_);
  }

  const PlannedCommunicator& group_;
  device::RankExchange exchange_;
  std::vector<std::pair<at::Tensor, at::Tensor>> arrivals_;
  std::vector<at::Tensor> kept_;
  std::size_t number_ = 0;
};

void PlannedCommunicator::all_to_all(const std::vector<at::Tensor>& sent,
                                     const std::vector<at::Tensor>& received) {
  Counted all(*this);
  for (int other = 0; other < size_; ++other) {
    const auto at = static_cast<std::size_t>(other);
    if (other == rank_) continue;
    all.receive(received[at], other);
    all.send(on_host(sent[at]), other);
  }
  all.begin();
  all.wait();
}

void PlannedCommunicator::all_gather(const at::Tensor& mine,
                                     const std::vector<at::Tensor>& received) {
  const at::Tensor host = size_ > 1 ? on_host(mine) : mine;
  Counted all(*this);
  for (int other = 0; other < size_; ++other) {
    all.receive(received[static_cast<std::size_t>(other)], other);
    all.send(host, other);
  }
  all.begin();
  all.wait();
}

void PlannedCommunicator::broadcast(const at::Tensor& tensor, int root) {
  Counted all(*this);
  if (rank_ != root) {
    all.receive(tensor, root);
  } else if (size_ > 1) {
    const at::Tensor host = on_host(tensor);
    for (int other = 0; other < size_; ++other) all.send(host, other);
  }
  all.begin();
  all.wait();
}

std::unique_ptr<PendingExchange> PlannedCommunicator::exchange(const at::Tensor& sent, int to,
                                                               const at::Tensor& received,
                                                               int from) {
  auto both = std::make_unique<Counted>(*this);
  both->receive(received, from);
  if (to != rank_) both->send(on_host(sent), to);
  both->begin();
  return both;
}

std::shared_ptr<Communicator> PlannedCommunicator::part(int first, int step, int count) const {
  Place place = place_;
  place.stride *= step;
  return std::make_shared<PlannedCommunicator>((rank_ - first) / step, count, place);
}

std::shared_ptr<const Groups> planned_groups(const ParallelOptions& options, int rank) {
  const int world = options.world_size(), cp = options.cp_size;
  const auto group = [&](int place, int size, int stride) {
    return std::make_shared<PlannedCommunicator>(
        place, size, PlannedCommunicator::Place{.world = world, .stride = stride});
  };
  Groups groups{group(rank, world, 1), group(rank % cp, cp, 1),
                group(rank / cp, options.cfg_size, cp), nullptr};
  if (options.shard_weights)
    groups.weights = std::make_shared<PlannedCommunicator>(
        rank, world, PlannedCommunicator::Place{.world = world, .of_weights = true});
  return std::make_shared<Groups>(std::move(groups));
}

}  // namespace chitu::parallel
