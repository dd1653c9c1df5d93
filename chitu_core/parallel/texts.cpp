#include "chitu_core/parallel/texts.h"

#include <ATen/ATen.h>

#include <cstring>

#include "chitu_core/parallel/communicator.h"

namespace chitu::parallel {
namespace {

at::Tensor bytes(std::int64_t size) { return at::empty({size}, at::kByte); }

at::Tensor bytes_of(const std::string& text) {
  const at::Tensor tensor = bytes(static_cast<std::int64_t>(text.size()));
  if (!text.empty()) std::memcpy(tensor.mutable_data_ptr(), text.data(), text.size());
  return tensor;
}

std::string text_of(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

}  // namespace

std::vector<std::vector<std::int64_t>> gather_numbers(Communicator& ranks,
                                                      const std::vector<std::int64_t>& mine) {
  const at::Tensor own = at::tensor(mine, at::kLong);
  std::vector<at::Tensor> all;
  for (int rank = 0; rank < ranks.size(); ++rank) all.push_back(own.clone());
  ranks.all_gather(own, all);
  std::vector<std::vector<std::int64_t>> numbers;
  for (const at::Tensor& of_rank : all) {
    const auto* first = of_rank.const_data_ptr<std::int64_t>();
    numbers.emplace_back(first, first + of_rank.numel());
  }
  return numbers;
}

std::vector<std::string> gather_texts(Communicator& ranks, const std::string& mine) {
  std::vector<at::Tensor> all;
  for (const auto& size : gather_numbers(ranks, {static_cast<std::int64_t>(mine.size())}))
    all.push_back(bytes(size.front()));
  ranks.all_gather(bytes_of(mine), all);
  std::vector<std::string> texts;
  for (const at::Tensor& of_rank : all) texts.push_back(text_of(of_rank));
  return texts;
}

std::string broadcast_text(Communicator& ranks, const std::string& text, int root) {
  const bool is_root = ranks.rank() == root;
  const at::Tensor size =
      at::scalar_tensor(static_cast<std::int64_t>(is_root ? text.size() : 0), at::kLong)
          .reshape({1});
  ranks.broadcast(size, root);
  const at::Tensor content = is_root ? bytes_of(text) : bytes(size.item<std::int64_t>());
  ranks.broadcast(content, root);
  return text_of(content);
}

}  // namespace chitu::parallel
