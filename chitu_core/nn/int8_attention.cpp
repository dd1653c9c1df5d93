#include "chitu_core/nn/int8_attention.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "chitu_core/nn/cpu_kernels.h"
#include "chitu_core/nn/cpu_vectors.h"
#include "chitu_core/nn/float_view.h"
#include "chitu_core/threads/parallel_for.h"
#include "chitu_core/threads/side_by_side.h"

namespace chitu::nn {
namespace {

constexpr std::int64_t kKeys = Int8Scores::kKeys;

/// Some queries of one head, with the sums of the keys so far.
struct Rows {
  std::int64_t count, value_width;
  std::vector<float> scores, maxima, totals, sums;

  Rows(std::int64_t rows, std::int64_t width)
      : count(rows),
        value_width(width),
        scores(static_cast<std::size_t>(rows * kKeys)),
        maxima(static_cast<std::size_t>(rows), std::numeric_limits<float>::lowest()),
        totals(static_cast<std::size_t>(rows)),
        sums(static_cast<std::size_t>(rows * width)) {}
};

/// Scales the scores of some keys to exponents of two, takes their exponentials over the largest of
/// each row so far, and rescales what the row has summed up.
template <int lanes>
struct Soften {
  using Floats = typename Vector<lanes>::Floats;

  [[gnu::always_inline]] static void run(Rows* rows, std::int64_t keys, float scale) {
    for (std::int64_t r = 0; r < rows->count; ++r) {
      float* scores = rows->scores.data() + r * kKeys;
      const float largest = scale_row(scores, keys, scale, rows->maxima[r]);
      rescale(*rows, r, largest);
      rows->totals[r] += exponentiate(scores, keys, largest);
    }
  }

 private:
  /// Returns the largest score, `largest` included. Scores behind the last key become 0 weights.
  [[gnu::always_inline]] static float scale_row(float* scores, std::int64_t keys, float scale,
                                                float largest) {
    for (std::int64_t c = 0; c < keys; ++c) {
      scores[c] *= scale;
      largest = std::max(largest, scores[c]);
    }
    std::fill(scores + keys, scores + kKeys, -std::numeric_limits<float>::infinity());
    return largest;
  }

  [[gnu::always_inline]] static void rescale(Rows& rows, std::int64_t r, float largest) {
    if (largest == rows.maxima[r]) return;
    Floats factor = Floats{} + (rows.maxima[r] - largest);
    power_of_two<lanes>(factor);
    rows.maxima[r] = largest;
    rows.totals[r] *= factor[0];
    float* sums = rows.sums.data() + r * rows.value_width;
    for (std::int64_t c = 0; c < rows.value_width; ++c) sums[c] *= factor[0];
  }

  [[gnu::always_inline]] static float exponentiate(float* scores, std::int64_t keys,
                                                   float largest) {
    for (std::int64_t c = 0; c < kKeys; c += lanes) {
      Floats weight;
      load(weight, scores + c);
      weight -= largest;
      power_of_two<lanes>(weight);
      store(scores + c, weight);
    }
    std::fill(scores + keys, scores + kKeys, 0.0F);
    float total = 0;
    for (std::int64_t c = 0; c < keys; ++c) total += scores[c];
    return total;
  }
};

/// One call, shared by its threads.
class Call {
 public:
  Call(const Int8Blocks& queries, const Int8Blocks& keys, const at::Tensor& values, double scale,
       const Int8Scores& scores, const at::Tensor& out, const at::Tensor& log_sum_exp)
      : queries_(queries),
        keys_(keys),
        values_(values),
        scale_(scale * std::numbers::log2e),
        scores_(scores),
        out_(out),
        log_sum_exps_(log_sum_exp.defined() ? log_sum_exp.mutable_data_ptr<float>() : nullptr) {}

  std::int64_t blocks() const { return queries_.scales.numel(); }

  /// A block of queries, counted over all heads.
  void run(std::int64_t block) const {
    const std::int64_t of_head = queries_.scales.size(2), head = block / of_head;
    const std::int64_t first = block % of_head * queries_.rows;
    const std::int64_t count = std::min(queries_.rows, queries_.values.size(2) - first);
    Rows rows(count, values_.size(3));
    const float query_scale = queries_.scales.const_data_ptr<float>()[block];
    for (std::int64_t key = 0; key < keys_.values.size(2); key += kKeys)
      add_keys(rows, row_of(queries_, head, first), head, key, query_scale);
    store(rows, head, first);
  }

 private:
  static const std::int8_t* row_of(const Int8Blocks& of, std::int64_t head, std::int64_t row) {
    return of.values.const_data_ptr<std::int8_t>() +
           (head * of.values.size(2) + row) * of.values.size(3);
  }

  void add_keys(Rows& rows, const std::int8_t* queries, std::int64_t head, std::int64_t key,
                float query_scale) const {
    const std::int64_t count = std::min(kKeys, keys_.values.size(2) - key);
    scores_.run(queries, rows.count, row_of(keys_, head, key), count, keys_.values.size(3),
                rows.scores.data());
    const float key_scale =
        keys_.scales.const_data_ptr<float>()[head * keys_.scales.size(2) + key / kKeys];
    run_cpu_kernel<Soften>(&rows, count, static_cast<float>(scale_ * query_scale) * key_scale);
    const std::vector<float> values = wide_values(head, key, count);
    const std::int64_t width = rows.value_width;
    float_view(rows.sums.data(), rows.count, width, width)
        .addmm_(float_view(rows.scores.data(), rows.count, count, kKeys),
                float_view(values.data(), count, width, width));
  }

  /// [count, value_width] in float32.
  std::vector<float> wide_values(std::int64_t head, std::int64_t key, std::int64_t count) const {
    if (values_.scalar_type() == at::kFloat) return copied<float>(head, key, count);
    return copied<at::BFloat16>(head, key, count);
  }
  template <class T>
  std::vector<float> copied(std::int64_t head, std::int64_t key, std::int64_t count) const {
    std::vector<float> wide;
    wide.reserve(static_cast<std::size_t>(count * values_.size(3)));
    for (std::int64_t row = key; row < key + count; ++row) {
      const T* from = values_.const_data_ptr<T>() + place(values_, head, row);
      wide.insert(wide.end(), from, from + values_.size(3));
    }
    return wide;
  }

  static std::int64_t place(const at::Tensor& of, std::int64_t head, std::int64_t row) {
    const std::int64_t heads = of.size(1);
    return head / heads * of.stride(0) + head % heads * of.stride(1) + row * of.stride(2);
  }

  void store(const Rows& rows, std::int64_t head, std::int64_t first) const {
    if (out_.scalar_type() == at::kFloat)
      store_out<float>(rows, head, first);
    else
      store_out<at::BFloat16>(rows, head, first);
    if (!log_sum_exps_) return;
    float* to = log_sum_exps_ + head * queries_.values.size(2) + first;
    for (std::size_t r = 0; r < rows.maxima.size(); ++r)
      to[r] = rows.maxima[r] * std::numbers::ln2_v<float> + std::log(rows.totals[r]);
  }
  template <class T>
  void store_out(const Rows& rows, std::int64_t head, std::int64_t first) const {
    for (std::int64_t r = 0; r < rows.count; ++r) {
      T* to = out_.mutable_data_ptr<T>() + place(out_, head, first + r);
      const float* sums = rows.sums.data() + r * rows.value_width;
      const float factor = 1.0F / rows.totals[static_cast<std::size_t>(r)];
      for (std::int64_t c = 0; c < rows.value_width; ++c) to[c] = static_cast<T>(sums[c] * factor);
    }
  }

  const Int8Blocks &queries_, &keys_;
  const at::Tensor& values_;
  double scale_;  ///< of scores as exponents of two
  const Int8Scores& scores_;
  const at::Tensor& out_;
  float* log_sum_exps_;
};

}  // namespace

void int8_attention(const Int8Blocks& queries, const Int8Blocks& keys, const at::Tensor& values,
                    double scale, const Int8Scores& scores, const at::Tensor& out,
                    const at::Tensor& log_sum_exp) {
  RECORD_FUNCTION("chitu::int8_attention", std::vector<c10::IValue>{});
  const Call call(queries, keys, values, scale, scores, out, log_sum_exp);
  threads::parallel_for(0, call.blocks(), 1, [&](std::int64_t begin, std::int64_t end) {
    const c10::InferenceMode inference;
    const threads::OnOneThread alone;  // BLAS sums in another order on several
    for (std::int64_t block = begin; block < end; ++block) call.run(block);
  });
}

}  // namespace chitu::nn
