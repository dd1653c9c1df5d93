#pragma once

#include <any>
#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/graph/context.h"
#include "chitu_core/graph/execution.h"
#include "pipelines/batch/batch.h"
#include "pipelines/batch/window_ranks.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/spill/spill.h"

namespace chitu::pipelines {

/// A stage of a group of items within a window: indices of the leg, of the group in the leg, and of
/// the stage among those that a run needs.
struct WindowPlace {
  std::size_t leg, group, stage;
};

/// Told what a window does with its items.
class WindowObserver {
 public:
  using Items = std::span<const std::size_t>;
  virtual ~WindowObserver() = default;
  /// Before the item takes a leg. It fails with what this throws.
  ///
  /// throws  InputError for an item that cannot be finished
  virtual void check(std::size_t /*item*/) {}
  /// Returns whether the group is to be run. One that is not must have been put in the spill.
  virtual bool group_begin(std::size_t /*leg*/, std::size_t /*group*/, Items /*items*/) {
    return true;
  }
  virtual void stage_begin(const WindowPlace& /*place*/, std::string_view /*stage*/,
                           Items /*items*/) {}
  /// Also when the stage failed.
  virtual void stage_end(const WindowPlace& /*place*/, std::string_view /*stage*/,
                         Items /*items*/) {}
  /// Its values wait for that leg.
  virtual void stored(std::size_t /*item*/, std::size_t /*leg*/) {}
  /// result    what the run was for
  /// problems  what could not be written beside it
  virtual void finished(std::size_t /*item*/, std::any /*result*/,
                        const std::vector<std::string>& /*problems*/) {}
  virtual void failed(std::size_t /*item*/, const std::exception_ptr& /*error*/) {}
};

/// Several runs of a pipeline that go through its graph leg by leg (graph::legs_of): all items take
/// a leg before the first one takes the next, and every component is brought in once for a leg.
/// Values wait in a Spill meanwhile.
class Window {
 public:
  struct Item {
    Job job;
    bool from_latents = false;  ///< starts at the last leg; its values are in the spill
  };

  /// pipeline  outlives this
  /// size      items that are alike and take a stage together, where the stage can
  /// wanted    slot of what the runs are for
  /// throws    Error when a value that has to wait cannot be stored
  Window(const Pipeline& pipeline, std::vector<Item> items, std::int64_t size, std::size_t wanted);

  std::size_t last_leg() const { return legs_.size() - 1; }
  const Request& request(std::size_t item) const { return requests_[item]; }
  /// The groups of items that take a leg one after another.
  const std::vector<std::vector<std::size_t>>& groups(std::size_t leg) const {
    return groups_[leg];
  }
  /// The name of the stage that a leg begins with.
  const std::string& first_stage(std::size_t leg) const;
  /// The components that the stages of a leg use.
  std::vector<std::string> components(std::size_t leg) const;

  /// Runs all legs, once.
  ///
  /// pause   asked between groups, on every rank
  /// ranks   that run it together
  /// throws  InputError from the spill; Interrupted; what an observer throws. Whatever the reason,
  ///         components that the plan does not keep are let go
  BatchEnd run(Spill& spill, WindowObserver& observer, graph::Context& context,
               const std::stop_token& pause = {}, const WindowRanks& ranks = WindowRanks());

 private:
  class Running;
  const graph::Graph::StageInfo& stage_at(std::size_t position) const;
  bool is_shared(const graph::Leg& leg) const;

  const Pipeline& pipeline_;
  std::vector<Item> items_;
  std::vector<Request> requests_;  ///< of the items
  std::size_t wanted_;
  std::vector<std::size_t> stages_;
  std::vector<graph::Leg> legs_;
  std::vector<std::vector<std::vector<std::size_t>>> groups_;  ///< of each leg
};

}  // namespace chitu::pipelines
