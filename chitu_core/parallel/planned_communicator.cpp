#include "chitu_core/parallel/planned_communicator.h"

#include <ATen/core/Tensor.h>

#include "chitu_core/device/dry_run.h"

namespace chitu::parallel {
namespace {

void count(const at::Tensor& tensor, std::int64_t times) {
  device::count_sent(times * static_cast<std::int64_t>(tensor.nbytes()));
}

struct NothingPending final : PendingExchange {
  void wait() override {}
};

}  // namespace

void PlannedCommunicator::all_to_all(const std::vector<at::Tensor>& sent,
                                     const std::vector<at::Tensor>& /*received*/) {
  for (int to = 0; to < size_; ++to)
    if (to != rank_) count(sent[static_cast<std::size_t>(to)], 1);
}

void PlannedCommunicator::all_gather(const at::Tensor& mine,
                                     const std::vector<at::Tensor>& /*received*/) {
  count(mine, size_ - 1);
}

void PlannedCommunicator::broadcast(const at::Tensor& tensor, int root) {
  if (rank_ == root) count(tensor, size_ - 1);
}

std::unique_ptr<PendingExchange> PlannedCommunicator::exchange(const at::Tensor& sent, int to,
                                                               const at::Tensor& /*received*/,
                                                               int /*from*/) {
  if (to != rank_) count(sent, 1);
  return std::make_unique<NothingPending>();
}

std::shared_ptr<const Groups> planned_groups(const ParallelOptions& options, int rank) {
  const auto group = [](int place, int size) {
    return std::make_shared<PlannedCommunicator>(place, size);
  };
  return std::make_shared<Groups>(Groups{group(rank, options.world_size()),
                                         group(rank % options.cp_size, options.cp_size),
                                         group(rank / options.cp_size, options.cfg_size)});
}

}  // namespace chitu::parallel
