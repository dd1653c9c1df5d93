#include <ATen/ATen.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "chitu_core/common/log.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/flash_attention.h"
#include "chitu_core/nn/int8_blocks.h"

namespace chitu::nn {
namespace {

/// Rows with one scale, as in the kernels of the first paper.
constexpr std::int64_t kQueryBlock = 128, kKeyBlock = 64;
/// Most bytes of float32 copies of queries, keys and values at once, if one head fits.
constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;

void say_once_that_it_is_not_faster() {
  static std::once_flag said;
  std::call_once(said, [] {
    logger("nn")->info(
        "infer.attn_type=sage: on this device, scores of INT8 queries and keys are computed in "
        "float32: their results, without their speed");
  });
}

/// Heads that are computed together; the result does not depend on their number.
std::int64_t heads_at_once(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const std::int64_t of_head = 4 * (q.size(2) * q.size(3) + k.size(2) * (k.size(3) + v.size(3)));
  return std::clamp<std::int64_t>(kMostBytes / of_head, 1, q.size(1));
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
    const at::Tensor out = heads_together(q, v);
    each_part(q, k, v, [&](const auto& part) {
      const Operands operands(part(q), part(k), part(v));
      part(out).copy_(
          exact_backend().run(operands.queries, operands.keys, operands.values, options));
    });
    return out;
  }
  bool gives_log_sum_exp() const override { return true; }
  parallel::AttentionPart run_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const AttentionOptions& options) const override {
    if (!quantises(q, k, v, options)) return exact_backend().run_part(q, k, v, options);
    const parallel::AttentionPart all{
        heads_together(q, v),
        at::empty({q.size(0), q.size(1), q.size(2)}, q.options().dtype(at::kFloat))};
    each_part(q, k, v, [&](const auto& part) {
      const Operands operands(part(q), part(k), part(v));
      const auto made =
          exact_backend().run_part(operands.queries, operands.keys, operands.values, options);
      part(all.out).copy_(made.out);
      part(all.log_sum_exp).copy_(made.log_sum_exp.add(operands.left_out(options)));
    });
    return all;
  }
  bool exact() const override { return false; }
  int rank() const override { return 0; }
  bool runs_on(c10::DeviceType type) const override {
    return device::has_host_kernels(c10::Device(type, 0));
  }

 private:
  /// What the exact backend gets, in float32.
  struct Operands {
    Operands(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v)
        : mean(mean_rows(k)),
          queries(through_int8_blocks(q, {}, kQueryBlock)),
          keys(through_int8_blocks(k, mean, kKeyBlock)),
          values(v.to(at::kFloat)) {}

    /// By how much the mean of the keys would raise the scores of each query: [B, heads, Lq].
    at::Tensor left_out(const AttentionOptions& options) const {
      const double usual = 1.0 / std::sqrt(static_cast<double>(queries.size(3)));
      return at::matmul(queries, mean.transpose(-1, -2))
          .squeeze(-1)
          .mul_(options.scale.value_or(usual));
    }

    at::Tensor mean, queries, keys, values;
  };

  static bool quantises(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const AttentionOptions& options) {
    const bool does = options.kind == AttentionKind::self && !options.bias.defined() &&
                      flash_attention_fits(q, k, v);
    if (does && !device::in_dry_run()) say_once_that_it_is_not_faster();
    return does;
  }

  /// [B, heads, Lq, dv] with the memory layout [B, Lq, heads, dv].
  static at::Tensor heads_together(const at::Tensor& q, const at::Tensor& v) {
    return at::empty({q.size(0), q.size(2), q.size(1), v.size(3)}, q.options()).transpose(1, 2);
  }

  /// Calls work with a function that cuts a tensor to some heads of one item of the batch.
  static void each_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const auto& work) {
    const std::int64_t at_once = heads_at_once(q, k, v);
    for (std::int64_t b = 0; b < q.size(0); ++b)
      for (std::int64_t head = 0; head < q.size(1); head += at_once)
        work([&](const at::Tensor& x) {
          return x.narrow(0, b, 1).narrow(1, head, std::min(at_once, q.size(1) - head));
        });
  }

  static const AttentionBackend& exact_backend() {
    return Registry<AttentionBackend>::instance().at("cpu_flash", "attention backend");
  }
};

CHITU_REGISTER(AttentionBackend, Sage, "sage");

}  // namespace
}  // namespace chitu::nn
