#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <vector>

#include "chitu_core/graph/stored_value.h"

namespace chitu::parallel {
class Ranks;
}

namespace chitu::pipelines {

/// The ranks that run a window together. Each takes the same items through the same stages, and
/// what happens to an item happens to it on all of them. Every rank makes the same calls. In one
/// process each answer is its own.
class WindowRanks {
 public:
  /// ranks  null for one process; outlives this
  explicit WindowRanks(parallel::Ranks* ranks = nullptr) : ranks_(ranks) {}

  /// The first rank alone reads and writes files.
  bool is_first() const;
  bool are_several() const { return ranks_ != nullptr; }
  /// Whether it holds on any rank.
  bool any(bool holds) const;
  /// Does work of all ranks. Returns why it has failed, on whichever rank; null: all have done it.
  ///
  /// throws  Interrupted
  std::exception_ptr attempt(const std::function<void()>& work) const;
  /// errors  of items on this rank, null where there is none; then the first rank's that has one
  void share(std::vector<std::exception_ptr>& errors) const;
  /// What `read` gives on the first rank, where alone it is called.
  graph::StoredValue of_first(const std::function<graph::StoredValue()>& read) const;
  /// Its shapes alone, the tensors on the meta device. Empty in one process, which reads nothing.
  std::optional<graph::StoredValue> shapes_of_first(
      const std::function<graph::StoredValue()>& read) const;

 private:
  parallel::Ranks* ranks_;
};

}  // namespace chitu::pipelines
