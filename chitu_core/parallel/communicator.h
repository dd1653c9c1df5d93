#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace chitu::parallel {

/// An exchange that is under way. The tensors it reads and writes must outlive it and stay
/// untouched until wait() returns.
class PendingExchange {
 public:
  virtual ~PendingExchange() = default;
  /// Returns when the received tensor is whole, for the device's current stream.
  ///
  /// throws  Error that names the rank which did not answer
  virtual void wait() = 0;
};

/// The ranks of a group exchange tensors. Every rank of the group makes the same calls in the same
/// order; tensors are contiguous and may lie on any device. Results do not depend on timing.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;  ///< 0 to size() - 1
  virtual int size() const = 0;
  /// What this rank has sent to others of the group so far.
  virtual std::int64_t bytes_sent() const { return 0; }

  /// Rank i gets sent[i] as its received[rank()]; the pieces may differ in size, and be empty.
  ///
  /// sent, received  one tensor per rank; sent[i] of this rank and received[rank()] of rank i have
  ///                 the same shape and dtype
  virtual void all_to_all(const std::vector<at::Tensor>& sent,
                          const std::vector<at::Tensor>& received) = 0;
  /// Every rank gets the tensor of each rank; they may differ in size.
  ///
  /// received  one tensor per rank, received[i] as the `mine` of rank i
  virtual void all_gather(const at::Tensor& mine, const std::vector<at::Tensor>& received) = 0;
  /// Overwrites the tensor with that of rank `root`.
  virtual void broadcast(const at::Tensor& tensor, int root) = 0;
  /// Sends one tensor to a rank while receiving another from a rank, beside computation. Either may
  /// be empty.
  virtual std::unique_ptr<PendingExchange> exchange(const at::Tensor& sent, int to,
                                                    const at::Tensor& received, int from) = 0;
  /// A group of its own for `count` of the ranks, `step` apart from `first` on, this rank among
  /// them; null if such a group has to be made of calls to this one.
  virtual std::shared_ptr<Communicator> part(int /*first*/, int /*step*/, int /*count*/) const {
    return nullptr;
  }
};

/// The groups that this process belongs to. World rank = guidance rank * context size + context
/// rank.
struct Groups {
  std::shared_ptr<Communicator> world;
  std::shared_ptr<Communicator> context;   ///< shares the sequence of one guidance branch
  std::shared_ptr<Communicator> guidance;  ///< one rank for each branch, with one part of it
  /// All ranks, for the weights that they read together, which other threads exchange beside the
  /// computation; null unless ParallelOptions::shard_weights.
  std::shared_ptr<Communicator> weights{};
};

}  // namespace chitu::parallel
