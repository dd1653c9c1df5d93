#include "pipelines/wan/time_signal.h"

#include <ATen/ATen.h>

#include <algorithm>
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

/// The time embedder, read for each use.
class TimeSignal {
 public:
  TimeSignal(const models::WanTransformer3DModel& model,
             std::shared_ptr<const io::Checkpoint> checkpoint)
      : model_(model), source_(std::move(checkpoint)) {}

  at::Tensor embed(const std::vector<double>& timesteps, bool projected) const {
    const threads::OnOneThread alone;
    std::vector<at::Tensor> rows;
    for (const double timestep : timesteps)
      rows.push_back(
          nn::timestep_embedding(timestep, model_.config().freq_dim, c10::kCPU).flatten());
    at::Tensor x = map("time_embedder.linear_1", at::stack(rows));
    x = map("time_embedder.linear_2", at::silu_(x));
    return projected ? map("time_proj", at::silu(x)) : x;
  }

 private:
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
    count_reads(prefix, weight, bias);
    return at::cat(parts, 1).add_(added);
  }

  void count_reads(const std::string& prefix, const memory::Parameter& weight,
                   const memory::Parameter& bias) const {
    device::count_disk_read(source_.stored_bytes(prefix + ".weight", weight) +
                            source_.stored_bytes(prefix + ".bias", bias));
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
