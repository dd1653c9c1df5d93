#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "chitu_core/device/planning.h"

namespace at {
class Tensor;
}

namespace chitu::device {

/// Work that comes again and again with the same shapes: the layers of a model, the chunks of a
/// clip, runs of rows. A plan does the first of each kind and only counts those that follow, with
/// the bytes, copies and operations of the first on top of what is held at the time. A run does
/// all of them.
///
///     PlannedRepeats chunks;
///     for (...) chunks.run({frames, cache.bytes()}, [&] { decode(...); });
class PlannedRepeats {
 public:
  /// All that the work's use of memory depends on.
  using Kind = std::vector<std::int64_t>;

  /// Does the work, or counts it where the like of it was done and left as much held as there was.
  template <class Work>
  void run(const Kind& kind, const Work& work) {
    if (!planning()) return work();
    plan(kind, work, {});
  }

  /// The same for work that changes what is held or what later work depends on: `skip` makes that
  /// change when the work is only counted, with planned_twin().
  ///
  /// throws  Error when skip leaves other bytes held than the work did
  template <class Work, class Skip>
  void run(const Kind& kind, const Work& work, const Skip& skip) {
    if (!planning()) return work();
    plan(kind, work, skip);
  }

 private:
  struct Done {
    Kind kind;
    PlannedUse measured;
  };
  void plan(const Kind& kind, const std::function<void()>& work, const std::function<void()>& skip);

  std::vector<Done> done_;
};

/// A tensor of a plan that holds what another does.
at::Tensor planned_twin(const at::Tensor& tensor);

/// for_runs() in a plan.
void plan_runs(std::int64_t total, std::int64_t most,
               const std::function<void(std::int64_t, std::int64_t)>& work);

/// Calls work(start, count) for runs of at most `most`, 1 or more, that cover 0 to `total`. A plan
/// does the first and a shorter last one, so runs must leave as much held as there was.
///
/// throws  Error in a plan, when the first leaves more or less held
template <class Work>
void for_runs(std::int64_t total, std::int64_t most, const Work& work) {
  if (planning()) return plan_runs(total, most, work);
  for (std::int64_t start = 0; start < total; start += most)
    work(start, std::min(most, total - start));
}

}  // namespace chitu::device
