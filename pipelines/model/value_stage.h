#pragma once

#include <string_view>
#include <tuple>
#include <vector>

#include "chitu_core/graph/stage.h"
#include "pipelines/model/pipeline.h"

namespace chitu::pipelines {

/// A stage that a program adds to pipelines, found by the name under which it is registered
/// (Registry<StageExtension>). Derive from ValueStage.
class StageExtension {
 public:
  virtual ~StageExtension() = default;
  /// The type of the values that it changes: "Latents".
  virtual std::string_view value_name() const = 0;
};

/// A stage that changes values of one type on their way from the stage that makes them to the
/// stages that read them. It has no components.
template <graph::Value T>
class ValueStage : public StageExtension {
 public:
  std::string_view value_name() const final { return T::value_name; }

  /// Called once for each request, and once for each dry run of a plan: tensors then have shapes
  /// and no data (device::in_dry_run()). Long work calls context.check_stop() now and then.
  ///
  /// value    as the stage before made it; its tensors may be shared and are not to be written
  /// returns  what the stages after it read; tensors of the shapes, dtypes and devices of `value`
  virtual T run(const T& value, const Request& request, graph::Context& context) const = 0;
};

/// A ValueStage in a graph.
template <graph::Value T>
struct InsertedStage {
  using Inputs = std::tuple<T, Job>;
  using Output = T;
  static constexpr std::string_view name = "inserted";
  const ValueStage<T>* stage;

  std::vector<memory::Component*> components() const { return {}; }
  T run(const T& value, const Job& job, graph::Context& context) const {
    return stage->run(value, job.request, context);
  }
};

}  // namespace chitu::pipelines
