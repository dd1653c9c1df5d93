#include "pipelines/wan/time_signal.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/memory/weight_source.h"
#include "chitu_core/nn/embedding.h"
#include "chitu_core/threads/side_by_side.h"

namespace chitu::pipelines::wan {
namespace {

constexpr std::int64_t kMostRowBytes = 4 << 20;  ///< of a weight at once
constexpr std::int64_t kFloatBytes = 4;

/// Layers of the time embedder, in their order.
constexpr std::array kLayers{"time_embedder.linear_1", "time_embedder.linear_2", "time_proj"};

/// The time embedder, read for each use. Dry runs of the same schedule, of which a plan makes many,
/// read it once, and count that every time.
class TimeSignal {
 public:
  TimeSignal(const models::WanTransformer3DModel& model,
             std::shared_ptr<const io::Checkpoint> checkpoint)
      : model_(model), source_(std::move(checkpoint)) {}

  at::Tensor embed(const std::vector<double>& timesteps, bool projected) const {
    for (std::size_t i = 0; i < (projected ? kLayers.size() : 2); ++i) count_reads(kLayers[i]);
    if (!device::in_dry_run()) return compute(timesteps, projected);
    const std::lock_guard lock(mutex_);
    if (!planned_ || planned_->timesteps != timesteps || planned_->projected != projected)
      planned_ = Planned{timesteps, projected, compute(timesteps, projected)};
    return planned_->embedded;
  }

 private:
  /// What the last dry run asked for.
  struct Planned {
    std::vector<double> timesteps;
    bool projected;
    at::Tensor embedded;
  };

  at::Tensor compute(const std::vector<double>& timesteps, bool projected) const {
    const threads::OnOneThread alone;
    std::vector<at::Tensor> rows;
    for (const double timestep : timesteps)
      rows.push_back(
          nn::timestep_embedding(timestep, model_.config().freq_dim, c10::kCPU).flatten());
    at::Tensor x = map(kLayers[0], at::stack(rows));
    x = map(kLayers[1], at::silu_(x));
    return projected ? map(kLayers[2], at::silu(x)) : x;
  }

  at::Tensor map(const std::string& name, const at::Tensor& x) const {
    const std::string prefix = "condition_embedder." + name;
    const memory::Parameter weight = parameter(prefix + ".weight");
    const memory::Parameter bias = parameter(prefix + ".bias");
    const std::int64_t columns = weight.shape.at(1);
    const std::int64_t most = std::max<std::int64_t>(1, kMostRowBytes / (columns * kFloatBytes));
    std::vector<at::Tensor> parts;
    for (std::int64_t first = 0; first < weight.rows(); first += most) {
      at::Tensor rows = at::empty({std::min(most, weight.rows() - first), columns}, at::kFloat);
      source_.read_rows(prefix + ".weight", weight, first, rows);
      parts.push_back(x.matmul(rows.t()));
    }
    at::Tensor added = at::empty(bias.shape, at::kFloat);
    source_.read_into(prefix + ".bias", bias, added);
    return at::cat(parts, 1).add_(added);
  }

  void count_reads(const std::string& name) const {
    for (const char* part : {".weight", ".bias"}) {
      const std::string parameter_name = "condition_embedder." + name + part;
      device::count_disk_read(source_.stored_bytes(parameter_name, parameter(parameter_name)));
    }
  }

  /// As it is in the files, for values in float32.
  memory::Parameter parameter(const std::string& wanted) const {
    memory::Parameter found;
    model_.visit_parameters([&](const std::string& name, const memory::Parameter& parameter) {
      if (name != wanted) return;
      found.shape = parameter.shape;
      found.overriding_name = parameter.overriding_name;
    });
    if (found.shape.empty()) throw Error("the transformer has no " + wanted);
    return found;
  }

  const models::WanTransformer3DModel& model_;
  memory::FileWeights source_;
  mutable std::mutex mutex_;
  mutable std::optional<Planned> planned_;
};

}  // namespace

std::function<at::Tensor(const std::vector<double>& timesteps, bool projected)> time_signal(
    const models::WanTransformer3DModel& model, std::shared_ptr<const io::Checkpoint> checkpoint) {
  if (!checkpoint) return {};
  return [signal = std::make_shared<const TimeSignal>(model, std::move(checkpoint))](
             const std::vector<double>& timesteps, bool projected) {
    return signal->embed(timesteps, projected);
  };
}

}  // namespace chitu::pipelines::wan
