#pragma once

#include <memory>

#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/options.h"

namespace chitu::parallel {

/// A rank of a group without the others, for dry runs: moves nothing, leaves received tensors as
/// they are, and counts what it would send (device::count_sent()).
class PlannedCommunicator final : public Communicator {
 public:
  PlannedCommunicator(int rank, int size) : rank_(rank), size_(size) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void all_to_all(const std::vector<at::Tensor>& sent,
                  const std::vector<at::Tensor>& received) override;
  void all_gather(const at::Tensor& mine, const std::vector<at::Tensor>& received) override;
  void broadcast(const at::Tensor& tensor, int root) override;
  std::unique_ptr<PendingExchange> exchange(const at::Tensor& sent, int to,
                                            const at::Tensor& received, int from) override;

 private:
  int rank_, size_;
};

/// The groups of a rank of a plan.
std::shared_ptr<const Groups> planned_groups(const ParallelOptions& options, int rank = 0);

}  // namespace chitu::parallel
