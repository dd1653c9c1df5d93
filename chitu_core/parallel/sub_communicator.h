#pragma once

#include <memory>
#include <vector>

#include "chitu_core/parallel/communicator.h"

namespace chitu::parallel {

/// Some ranks of a larger group. The larger group is divided among such groups without remainder,
/// and all of them make the same calls at the same time: a collective call here is one of the
/// larger group in which other ranks get nothing.
class SubCommunicator final : public Communicator {
 public:
  /// members  ranks of `parent` in the order of their ranks here; parent->rank() is one of them
  SubCommunicator(std::shared_ptr<Communicator> parent, std::vector<int> members);

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(members_.size()); }
  void all_to_all(const std::vector<at::Tensor>& sent,
                  const std::vector<at::Tensor>& received) override;
  void all_gather(const at::Tensor& mine, const std::vector<at::Tensor>& received) override;
  void broadcast(const at::Tensor& tensor, int root) override;
  std::unique_ptr<PendingExchange> exchange(const at::Tensor& sent, int to,
                                            const at::Tensor& received, int from) override;

 private:
  /// One tensor for each rank of the parent: these for the members, none for others.
  std::vector<at::Tensor> spread(const std::vector<at::Tensor>& of_members) const;

  std::shared_ptr<Communicator> parent_;
  std::vector<int> members_;
  int rank_;
};

/// A group as a table of ranks, row by row: ranks of a row are consecutive.
///
/// columns  a divisor of the group's size
/// returns  the row and the column that this rank is in
struct RowAndColumn {
  std::shared_ptr<Communicator> row, column;
};
RowAndColumn row_and_column(const std::shared_ptr<Communicator>& ranks, int columns);

}  // namespace chitu::parallel
