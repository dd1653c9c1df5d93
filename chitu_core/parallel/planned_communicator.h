#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/options.h"

namespace chitu::parallel {

/// A rank of a group without the others, for dry runs: leaves received tensors as they are, and
/// counts what it would send and receive (device::RankExchange), and the copies of a device's
/// tensors in host memory, by way of which they travel.
class PlannedCommunicator final : public Communicator {
 public:
  /// Where its ranks are among those of the launch.
  struct Place {
    int world = 1;
    int stride = 1;           ///< between neighbours
    bool of_weights = false;  ///< sends weights, on a thread of its own, beside all else
  };

  /// A group that is the whole launch.
  PlannedCommunicator(int rank, int size) : PlannedCommunicator(rank, size, {.world = size}) {}
  PlannedCommunicator(int rank, int size, const Place& place)
      : rank_(rank), size_(size), place_(place) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void all_to_all(const std::vector<at::Tensor>& sent,
                  const std::vector<at::Tensor>& received) override;
  void all_gather(const at::Tensor& mine, const std::vector<at::Tensor>& received) override;
  void broadcast(const at::Tensor& tensor, int root) override;
  std::unique_ptr<PendingExchange> exchange(const at::Tensor& sent, int to,
                                            const at::Tensor& received, int from) override;
  std::shared_ptr<Communicator> part(int first, int step, int count) const override;

 private:
  class Counted;

  int rank_, size_;
  Place place_;
};

/// The groups of a rank of a plan.
std::shared_ptr<const Groups> planned_groups(const ParallelOptions& options, int rank = 0);

}  // namespace chitu::parallel
