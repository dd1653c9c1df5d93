#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "tools/chitu/rank_session.h"
#include "tools/chitu/regress/case_run.h"

namespace chitu::tools {

/// Runs cases by all ranks of a launch together. The first rank says which and has what they made;
/// the others follow. In one process, it runs them alone.
class CaseGroup {
 public:
  /// ranks  null for one process; all are given the same cases, and outlive this
  CaseGroup(const std::vector<RegressCase>& cases, CaseRunner runner, parallel::Ranks* ranks)
      : cases_(cases), runner_(std::move(runner)), ranks_(ranks) {}

  bool is_first() const { return !ranks_ || ranks_->is_first(); }

  /// On the first rank: as CaseRunner does for the case of this index. A case that fails on one
  /// rank has failed on all.
  CaseOutcome run(std::size_t index);
  double seconds(std::size_t index);
  /// On the first rank: the others return with this exit code.
  void end(int code);

  /// On the others: does what the first rank says. Returns the exit code.
  int follow();

 private:
  void tell(const char* what, std::size_t number);
  void together(const std::function<void()>& work);

  const std::vector<RegressCase>& cases_;
  CaseRunner runner_;
  parallel::Ranks* ranks_;
};

/// Joins the other ranks of this launch; null for one process.
///
/// throws  InputError that begins with the case whose degrees do not fit the launch
std::unique_ptr<parallel::Ranks> join_for(const std::vector<RegressCase>& cases);

}  // namespace chitu::tools
