#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "chitu_core/parallel/communicator.h"

namespace chitu::parallel {

/// Which branches of the guidance a rank computes: with a rank for each, branch 0 (the prompt) is
/// that of rank 0 and branch 1 (the negative prompt) that of rank 1; otherwise every rank computes
/// all of them.
class GuidanceRanks {
 public:
  GuidanceRanks() = default;
  /// ranks  one for each branch; null, or one rank = none is divided
  explicit GuidanceRanks(std::shared_ptr<Communicator> ranks);

  bool are_divided() const { return ranks_ != nullptr; }
  bool computes(std::size_t branch) const;
  /// The results of all branches, from that of each rank's own. Each rank sends its own to the
  /// others.
  std::vector<at::Tensor> gather(const at::Tensor& mine) const;

 private:
  std::shared_ptr<Communicator> ranks_;
};

}  // namespace chitu::parallel
