#include "chitu_core/parallel/sub_communicator.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace chitu::parallel {
namespace {

std::shared_ptr<Communicator> members_of(const std::shared_ptr<Communicator>& ranks, int first,
                                         int step, int count) {
  if (count == ranks->size()) return ranks;
  if (auto part = ranks->part(first, step, count)) return part;
  std::vector<int> members;
  for (int i = 0; i < count; ++i) members.push_back(first + i * step);
  return std::make_shared<SubCommunicator>(ranks, std::move(members));
}

}  // namespace

SubCommunicator::SubCommunicator(std::shared_ptr<Communicator> parent, std::vector<int> members)
    : parent_(std::move(parent)),
      members_(std::move(members)),
      rank_(static_cast<int>(std::ranges::find(members_, parent_->rank()) - members_.begin())) {}

std::vector<at::Tensor> SubCommunicator::spread(const std::vector<at::Tensor>& of_members) const {
  const at::Tensor none = at::empty({0}, of_members.front().options());
  std::vector<at::Tensor> all(static_cast<std::size_t>(parent_->size()), none);
  for (std::size_t i = 0; i < members_.size(); ++i)
    all[static_cast<std::size_t>(members_[i])] = of_members[i];
  return all;
}

void SubCommunicator::all_to_all(const std::vector<at::Tensor>& sent,
                                 const std::vector<at::Tensor>& received) {
  parent_->all_to_all(spread(sent), spread(received));
}

void SubCommunicator::all_gather(const at::Tensor& mine, const std::vector<at::Tensor>& received) {
  all_to_all(std::vector<at::Tensor>(members_.size(), mine), received);
}

void SubCommunicator::broadcast(const at::Tensor& tensor, int root) {
  const at::Tensor none = at::empty({0}, tensor.options());
  std::vector<at::Tensor> sent(members_.size(), none), received(members_.size(), none);
  if (rank_ == root) {
    std::ranges::fill(sent, tensor);
    sent[static_cast<std::size_t>(root)] = none;
  } else {
    received[static_cast<std::size_t>(root)] = tensor;
  }
  all_to_all(sent, received);
}

std::unique_ptr<PendingExchange> SubCommunicator::exchange(const at::Tensor& sent, int to,
                                                           const at::Tensor& received, int from) {
  return parent_->exchange(sent, members_[static_cast<std::size_t>(to)], received,
                           members_[static_cast<std::size_t>(from)]);
}

RowAndColumn row_and_column(const std::shared_ptr<Communicator>& ranks, int columns) {
  const int row = ranks->rank() / columns, column = ranks->rank() % columns;
  return {members_of(ranks, row * columns, 1, columns),
          members_of(ranks, column, columns, ranks->size() / columns)};
}

}  // namespace chitu::parallel
