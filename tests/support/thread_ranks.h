#pragma once

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "chitu_core/parallel/communicator.h"
#include "chitu_core/threads/side_by_side.h"

namespace chitu::testing {

/// Where the ranks of one group, threads of this process, leave tensors for each other.
class Mailboxes {
 public:
  void send(int from, int to, const at::Tensor& tensor) {
    const std::lock_guard lock(mutex_);
    boxes_[{from, to}].push_back(tensor.clone());
    changed_.notify_all();
  }
  at::Tensor receive(int from, int to) {
    std::unique_lock lock(mutex_);
    auto& box = boxes_[{from, to}];
    changed_.wait(lock, [&] { return !box.empty() || failed_; });
    if (box.empty()) throw std::runtime_error("another rank failed");
    at::Tensor tensor = std::move(box.front());
    box.pop_front();
    return tensor;
  }
  /// No rank waits any more for one that has failed.
  void fail() {
    const std::lock_guard lock(mutex_);
    failed_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<int, int>, std::deque<at::Tensor>> boxes_;
  bool failed_ = false;
};

/// One rank of a group of threads. Counts the bytes that it sends to other ranks.
class ThreadCommunicator final : public parallel::Communicator {
 public:
  ThreadCommunicator(std::shared_ptr<Mailboxes> boxes, int rank, int size)
      : boxes_(std::move(boxes)), rank_(rank), size_(size) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::int64_t bytes_sent() const override { return bytes_sent_; }

  void all_to_all(const std::vector<at::Tensor>& sent,
                  const std::vector<at::Tensor>& received) override {
    for (int to = 0; to < size_; ++to) send(sent.at(static_cast<std::size_t>(to)), to);
    for (int from = 0; from < size_; ++from)
      receive(received.at(static_cast<std::size_t>(from)), from);
  }
  void all_gather(const at::Tensor& mine, const std::vector<at::Tensor>& received) override {
    all_to_all(std::vector<at::Tensor>(static_cast<std::size_t>(size_), mine), received);
  }
  void broadcast(const at::Tensor& tensor, int root) override {
    for (int to = 0; rank_ == root && to < size_; ++to)
      if (to != root) send(tensor, to);
    if (rank_ != root) receive(tensor, root);
  }
  std::unique_ptr<parallel::PendingExchange> exchange(const at::Tensor& sent, int to,
                                                      const at::Tensor& received,
                                                      int from) override {
    send(sent, to);
    return std::make_unique<Pending>(*this, received, from);
  }

 private:
  struct Pending final : parallel::PendingExchange {
    Pending(ThreadCommunicator& owner, at::Tensor to_fill, int sender)
        : ranks(owner), received(std::move(to_fill)), from(sender) {}
    void wait() override { ranks.receive(received, from); }
    ThreadCommunicator& ranks;
    at::Tensor received;
    int from;
  };

  void send(const at::Tensor& tensor, int to) {
    if (!tensor.is_contiguous()) throw std::runtime_error("a sent tensor is not contiguous");
    if (to != rank_) bytes_sent_ += static_cast<std::int64_t>(tensor.nbytes());
    boxes_->send(rank_, to, tensor);
  }
  void receive(const at::Tensor& into, int from) {
    const at::Tensor tensor = boxes_->receive(from, rank_);
    if (tensor.sizes() != into.sizes() || tensor.scalar_type() != into.scalar_type() ||
        !into.is_contiguous())
      throw std::runtime_error("a received tensor has another shape than the one sent");
    into.copy_(tensor);
  }

  std::shared_ptr<Mailboxes> boxes_;
  int rank_, size_;
  std::atomic<std::int64_t> bytes_sent_ = 0;
};

/// Calls work(rank) for every rank, each in a thread of its own that computes on one thread.
///
/// fail    ends the other ranks when one throws
/// throws  what a rank throws first
inline void on_threads(int size, const std::function<void()>& fail,
                       const std::function<void(int)>& work) {
  std::vector<std::thread> running;
  std::mutex mutex;
  std::exception_ptr first;
  for (int rank = 0; rank < size; ++rank)
    running.emplace_back([&, rank] {
      const threads::OnOneThread alone;
      try {
        work(rank);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!first) first = std::current_exception();
        fail();
      }
    });
  for (std::thread& thread : running) thread.join();
  if (first) std::rethrow_exception(first);
}

/// The same with a communicator for each rank.
inline void on_ranks(int size,
                     const std::function<void(const std::shared_ptr<ThreadCommunicator>&)>& work) {
  const auto boxes = std::make_shared<Mailboxes>();
  const auto fail = [&] { boxes->fail(); };
  on_threads(size, fail,
             [&](int rank) { work(std::make_shared<ThreadCommunicator>(boxes, rank, size)); });
}

/// The groups of a generation on cp_size * cfg_size ranks, as parallel::Groups has them.
class ThreadWorld {
 public:
  ThreadWorld(int cp_size, int cfg_size) : cp_size_(cp_size), cfg_size_(cfg_size) {
    for (int i = 0; i < cfg_size; ++i) context_.push_back(std::make_shared<Mailboxes>());
    for (int i = 0; i < cp_size; ++i) guidance_.push_back(std::make_shared<Mailboxes>());
  }

  /// Calls work with the groups of every rank, as on_threads().
  void run(const std::function<void(const std::shared_ptr<const parallel::Groups>&)>& work) {
    const auto end = [&] { fail(); };
    on_threads(cp_size_ * cfg_size_, end, [&](int rank) { work(groups_of(rank)); });
  }

 private:
  std::shared_ptr<const parallel::Groups> groups_of(int rank) const {
    const int branch = rank / cp_size_, part = rank % cp_size_;
    const auto member = [](const std::shared_ptr<Mailboxes>& boxes, int place, int size) {
      return std::make_shared<ThreadCommunicator>(boxes, place, size);
    };
    const int world = cp_size_ * cfg_size_;
    return std::make_shared<parallel::Groups>(parallel::Groups{
        .world = member(world_, rank, world),
        .context = member(context_[static_cast<std::size_t>(branch)], part, cp_size_),
        .guidance = member(guidance_[static_cast<std::size_t>(part)], branch, cfg_size_),
        .weights = member(weights_, rank, world)});
  }
  void fail() const {
    world_->fail();
    weights_->fail();
    for (const auto& boxes : context_) boxes->fail();
    for (const auto& boxes : guidance_) boxes->fail();
  }

  int cp_size_, cfg_size_;
  std::shared_ptr<Mailboxes> world_ = std::make_shared<Mailboxes>();
  std::shared_ptr<Mailboxes> weights_ = std::make_shared<Mailboxes>();
  std::vector<std::shared_ptr<Mailboxes>> context_, guidance_;
};

}  // namespace chitu::testing
