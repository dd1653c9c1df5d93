#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "chitu_core/device/dry_run.h"

namespace at {
class Tensor;
}

namespace chitu::device {

/// Work that repeats with the same shapes: the layers of a model, the chunks of a clip, runs of
/// rows. A dry run does the first of each kind and only counts the others: the bytes, copies and
/// operations of the first, on top of the bytes held at that time. A real run does all of them.
///
///     DryRunRepeats chunks;
///     for (...) chunks.run({frames, cache.bytes()}, [&] { decode(...); });
class DryRunRepeats {
 public:
  /// Everything that the work's memory use depends on.
  using Kind = std::vector<std::int64_t>;

  /// Does the work, or counts it if work of this kind was done before and left the bytes held
  /// unchanged.
  template <class Work>
  void run(const Kind& kind, const Work& work) {
    if (!in_dry_run()) return work();
    plan(kind, work, {});
  }

  /// The same for work that changes the bytes held or state that later work depends on: `skip`
  /// makes that change when the work is only counted, with dry_run_twin().
  ///
  /// throws  Error if `skip` changes the bytes held otherwise than the work did
  template <class Work, class Skip>
  void run(const Kind& kind, const Work& work, const Skip& skip) {
    if (!in_dry_run()) return work();
    plan(kind, work, skip);
  }

 private:
  struct Done {
    Kind kind;
    DryRunUse measured;
  };
  void plan(const Kind& kind, const std::function<void()>& work, const std::function<void()>& skip);

  std::vector<Done> done_;
};

/// In a dry run: a new tensor with the layout and the bytes of another.
at::Tensor dry_run_twin(const at::Tensor& tensor);

/// for_runs() in a dry run.
void plan_runs(std::int64_t total, std::int64_t most,
               const std::function<void(std::int64_t, std::int64_t)>& work);

/// Calls work(start, count) for runs of at most `most` (1 or more) that cover 0 to `total`. A dry
/// run does the first and a shorter last one, so a run must leave the bytes held unchanged.
///
/// throws  Error in a dry run, if a run changes the bytes held
template <class Work>
void for_runs(std::int64_t total, std::int64_t most, const Work& work) {
  if (in_dry_run()) return plan_runs(total, most, work);
  for (std::int64_t start = 0; start < total; start += most)
    work(start, std::min(most, total - start));
}

}  // namespace chitu::device
