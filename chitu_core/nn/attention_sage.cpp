#include <ATen/ATen.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <mutex>

#include "chitu_core/common/log.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/flash_attention.h"
#include "chitu_core/nn/int8_attention.h"
#include "chitu_core/nn/int8_blocks.h"
#include "chitu_core/nn/int8_scores.h"

namespace chitu::nn {
namespace {

/// Queries with one scale, as in the kernels of the first paper; keys likewise: Int8Scores::kKeys.
constexpr std::int64_t kQueryBlock = 128;

/// The products that this processor computes the scores with, said once.
const Int8Scores& chosen_scores() {
  static std::once_flag said;
  const Int8Scores& scores = fastest_int8_scores();
  std::call_once(said, [] {
    logger("nn")->info("infer.attn_type=sage: {}",
                       has_int8_tiles()
                           ? "scores are computed with INT8 tiles (AMX)"
                           : "this processor has no INT8 tiles (AMX): the same scores are computed "
                             "in float32, without their speed");
  });
  return scores;
}

/// SageAttention: queries and keys are rounded to INT8 with a scale for each block of rows, keys
/// after the mean of all keys is subtracted, which changes the scores of a query by the same number
/// and so no weight of the softmax. Values and weights stay in float32, because INT8 there is far
/// less exact. Only self-attention is quantised.
///
/// source  Zhang et al. 2024, arXiv:2410.02367; SageAttention2: Zhang et al. 2024, arXiv:2411.10958
class Sage final : public AttentionBackend {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options) const override {
    if (!quantises(q, k, v, options)) return exact_backend().run(q, k, v, options);
    const Operands operands(q, k);
    // A dry run counts the exact kernel, which returns the same number of bytes.
    if (device::in_dry_run()) return exact_backend().run(q, k, v, options);
    return operands.attend(v, scale_of(q, options), {});
  }
  bool gives_log_sum_exp() const override { return true; }
  parallel::AttentionPart run_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const AttentionOptions& options) const override {
    if (!quantises(q, k, v, options)) return exact_backend().run_part(q, k, v, options);
    const Operands operands(q, k);
    const double scale = scale_of(q, options);
    auto part = device::in_dry_run() ? exact_backend().run_part(q, k, v, options)
                                     : operands.attend_part(v, scale);
    part.log_sum_exp.add_(operands.left_out(scale));
    return part;
  }
  bool exact() const override { return false; }
  int rank() const override { return 0; }
  bool runs_on(c10::DeviceType type) const override {
    return device::has_host_kernels(c10::Device(type, 0));
  }

 private:
  struct Operands {
    Operands(const at::Tensor& q, const at::Tensor& k)
        : mean(mean_rows(k)),
          queries(to_int8_blocks(q, {}, kQueryBlock)),
          keys(to_int8_blocks(k, mean, Int8Scores::kKeys)) {}

    at::Tensor attend(const at::Tensor& v, double scale, const at::Tensor& log_sum_exp) const {
      const at::Tensor out = heads_together(queries.values, v);
      int8_attention(queries, keys, v, scale, chosen_scores(), out, log_sum_exp);
      return out;
    }
    parallel::AttentionPart attend_part(const at::Tensor& v, double scale) const {
      const at::Tensor& rows = queries.values;
      const at::Tensor log_sum_exp =
          at::empty({rows.size(0), rows.size(1), rows.size(2)}, rows.options().dtype(at::kFloat));
      return {attend(v, scale, log_sum_exp), log_sum_exp};
    }

    /// By how much the mean of the keys would raise the scores of each query: [B, heads, Lq].
    at::Tensor left_out(double scale) const {
      return at::matmul(widened(queries), mean.transpose(-1, -2)).squeeze(-1).mul_(scale);
    }

    at::Tensor mean;
    Int8Blocks queries, keys;
  };

  static double scale_of(const at::Tensor& q, const AttentionOptions& options) {
    return options.scale.value_or(1.0 / std::sqrt(static_cast<double>(q.size(3))));
  }

  static bool quantises(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const AttentionOptions& options) {
    return options.kind == AttentionKind::self && !options.bias.defined() &&
           flash_attention_fits(q, k, v) && q.size(3) <= Int8Scores::kMostWidth;
  }

  /// [B, heads, Lq, dv] with the memory layout [B, Lq, heads, dv].
  static at::Tensor heads_together(const at::Tensor& q, const at::Tensor& v) {
    return at::empty({q.size(0), q.size(2), q.size(1), v.size(3)}, v.options()).transpose(1, 2);
  }

  static const AttentionBackend& exact_backend() {
    return Registry<AttentionBackend>::instance().at("cpu_flash", "attention backend");
  }
};

CHITU_REGISTER(AttentionBackend, Sage, "sage");

}  // namespace
}  // namespace chitu::nn
