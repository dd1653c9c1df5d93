#include "chitu_core/nn/flash_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <numbers>
#include <vector>

#include "chitu_core/nn/cpu_kernels.h"
#include "chitu_core/nn/cpu_vectors.h"
#include "chitu_core/threads/parallel_for.h"

namespace chitu::nn {
namespace {

/// Keys of a block, which stays in the cache.
constexpr std::int64_t kKeys = 128;
/// Most and fewest queries of one pass over the keys.
constexpr std::int64_t kMostQueries = 192, kLeastQueries = 48;
constexpr std::int64_t kCacheLine = 64;

/// A tensor [B, heads, L, width].
template <class T>
struct Rows {
  T* data;
  std::int64_t batch, head, row;  ///< strides
  std::int64_t width;

  [[gnu::always_inline]] T* at(std::int64_t b, std::int64_t h, std::int64_t l) const {
    return data + b * batch + h * head + l * row;
  }
};

/// One call, shared by its threads.
template <class T>
struct Job {
  Rows<const T> q, k, v;
  Rows<T> out;
  float* log_sum_exps;  ///< [B, heads, queries]; null = not wanted
  std::int64_t heads, queries, keys, queries_at_once;
  float scale;  ///< of scores as exponents of two

  [[gnu::always_inline]] std::int64_t blocks() const {
    return (queries + queries_at_once - 1) / queries_at_once;
  }
  /// Of a query of head `head` of all heads of the batch.
  [[gnu::always_inline]] float* log_sum_exp(std::int64_t head, std::int64_t query) const {
    return log_sum_exps ? log_sum_exps + head * queries + query : nullptr;
  }
};

/// Memory aligned to a cache line.
class AlignedFloats {
 public:
  explicit AlignedFloats(std::int64_t count)
      : data_(static_cast<float*>(
            ::operator new(static_cast<std::size_t>(count) * sizeof(float), kAlignment))) {}
  ~AlignedFloats() { ::operator delete(data_, kAlignment); }
  AlignedFloats(const AlignedFloats&) = delete;
  float* data() const { return data_; }

 private:
  static constexpr std::align_val_t kAlignment{kCacheLine};
  float* data_;
};

/// Kernels for registers of `lanes` numbers. Scores are keys x queries and outputs channels x
/// queries: keys and values need no transposition, maxima and sums are computed lane by lane, and
/// one function computes both products.
template <int lanes>
struct Flash {
  using Floats = typename Vector<lanes>::Floats;
  /// A tile of sums in rows x registers, as large as the register file allows.
  static constexpr int kTileRows = lanes >= 16 ? 8 : 4, kTileVectors = 3;
  /// Queries of a panel; kMostQueries is a multiple of it.
  static constexpr std::int64_t kPanel = lanes * kTileVectors;
  using Tile = Floats[kTileRows][kTileVectors];

  static constexpr std::int64_t padded(std::int64_t rows) {
    return (rows + kTileRows - 1) / kTileRows * kTileRows;
  }
  static constexpr std::int64_t whole_panels(std::int64_t queries) {
    return (queries + kPanel - 1) / kPanel * kPanel;
  }

  /// The buffers of a thread. A panel of queries is [channels, kPanel].
  struct Buffers {
    float *queries, *sums, *maxima, *totals;  ///< of all panels
    float *scores, *block_maxima, *keys, *values;
    std::int64_t value_width;  ///< of a row of `values`, rounded up to whole tiles

    std::int64_t floats = 0;  ///< of all buffers

    /// Null as memory only counts.
    Buffers(float* memory, std::int64_t queries_at_once, std::int64_t d, std::int64_t dv)
        : value_width(padded(dv)) {
      const std::int64_t columns = whole_panels(queries_at_once);
      const auto take = [&](std::int64_t count) {
        constexpr std::int64_t kFloats = kCacheLine / 4;
        const std::int64_t first = floats;
        floats += (count + kFloats - 1) / kFloats * kFloats;
        return memory ? memory + first : nullptr;
      };
      queries = take(columns * d);
      sums = take(columns * value_width);
      maxima = take(columns);
      totals = take(columns);
      scores = take(padded(kKeys) * kPanel);
      block_maxima = take(kPanel);
      keys = take(padded(kKeys) * d);
      values = take(kKeys * value_width);
    }
  };

  /// tile[r][n] += sum over i of a[r * row + i * step] * b[i, n].
  [[gnu::always_inline]] static void multiply(Tile& tile, const float* a, std::int64_t row,
                                              std::int64_t step, const float* b,
                                              std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      Floats columns[kTileVectors];
#pragma GCC unroll 8
      for (int n = 0; n < kTileVectors; ++n) load(columns[n], b + i * kPanel + n * lanes);
#pragma GCC unroll 8
      for (int r = 0; r < kTileRows; ++r) {
        const Floats factor = Floats{} + a[r * row + i * step];
#pragma GCC unroll 8
        for (int n = 0; n < kTileVectors; ++n) tile[r][n] += factor * columns[n];
      }
    }
  }

  /// scores [keys, kPanel] of a panel of queries, and the maximum of each column so far.
  [[gnu::always_inline]] static void score(const Buffers& at, const float* queries,
                                           std::int64_t keys, std::int64_t d) {
    for (std::int64_t key = 0; key < keys; key += kTileRows) {
      Tile tile{};
      multiply(tile, at.keys + key * d, d, 1, queries, d);
#pragma GCC unroll 8
      for (int n = 0; n < kTileVectors; ++n) {
        Floats largest;
        load(largest, at.block_maxima + n * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < kTileRows; ++r) {
          largest = largest > tile[r][n] ? largest : tile[r][n];
          store(at.scores + (key + r) * kPanel + n * lanes, tile[r][n]);
        }
        store(at.block_maxima + n * lanes, largest);
      }
    }
  }

  /// Rescales a panel's sums to its new maxima.
  [[gnu::always_inline]] static void rescale(const Buffers& at, float* maxima, float* totals,
                                             float* sums) {
    Floats factors[kTileVectors];
    bool grew = false;
    for (std::int64_t c = 0; c < kPanel; ++c) grew |= at.block_maxima[c] != maxima[c];
    if (!grew) return;
    for (int n = 0; n < kTileVectors; ++n) {
      Floats largest, total;
      load(factors[n], maxima + n * lanes);
      load(largest, at.block_maxima + n * lanes);
      load(total, totals + n * lanes);
      factors[n] -= largest;
      power_of_two<lanes>(factors[n]);
      total *= factors[n];
      store(totals + n * lanes, total);
      store(maxima + n * lanes, largest);
    }
    for (std::int64_t channel = 0; channel < at.value_width; ++channel)
      for (int n = 0; n < kTileVectors; ++n) {
        Floats sum;
        load(sum, sums + channel * kPanel + n * lanes);
        sum *= factors[n];
        store(sums + channel * kPanel + n * lanes, sum);
      }
  }

  /// scores = 2^(scores - maxima), and their totals.
  [[gnu::always_inline]] static void exponentiate(const Buffers& at, const float* maxima,
                                                  float* totals, std::int64_t keys) {
    Floats largest[kTileVectors], total[kTileVectors];
#pragma GCC unroll 8
    for (int n = 0; n < kTileVectors; ++n) {
      load(largest[n], maxima + n * lanes);
      load(total[n], totals + n * lanes);
    }
    for (std::int64_t key = 0; key < keys; ++key)
#pragma GCC unroll 8
      for (int n = 0; n < kTileVectors; ++n) {
        Floats weight;
        load(weight, at.scores + key * kPanel + n * lanes);
        weight -= largest[n];
        power_of_two<lanes>(weight);
        total[n] += weight;
        store(at.scores + key * kPanel + n * lanes, weight);
      }
#pragma GCC unroll 8
    for (int n = 0; n < kTileVectors; ++n) store(totals + n * lanes, total[n]);
  }

  /// sums [channels, kPanel] += values^T scores.
  [[gnu::always_inline]] static void accumulate(const Buffers& at, float* sums, std::int64_t keys) {
    for (std::int64_t channel = 0; channel < at.value_width; channel += kTileRows) {
      Tile tile;
#pragma GCC unroll 8
      for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 8
        for (int n = 0; n < kTileVectors; ++n)
          load(tile[r][n], sums + (channel + r) * kPanel + n * lanes);
      multiply(tile, at.values + channel, 1, at.value_width, at.scores, keys);
#pragma GCC unroll 8
      for (int r = 0; r < kTileRows; ++r)
#pragma GCC unroll 8
        for (int n = 0; n < kTileVectors; ++n)
          store(sums + (channel + r) * kPanel + n * lanes, tile[r][n]);
    }
  }

  /// rows [count, width] in float32, a row with zeros up to `to_width`, the last row repeated up to
  /// `to_count`: a repeated key changes no maximum.
  template <class T>
  [[gnu::always_inline]] static void widen(const T* from, std::int64_t row, std::int64_t count,
                                           std::int64_t width, float* to, std::int64_t to_count,
                                           std::int64_t to_width) {
    for (std::int64_t r = 0; r < to_count; ++r, to += to_width) {
      const T* source = from + std::min(r, count - 1) * row;
      CHITU_NO_OVERLAP
      for (std::int64_t c = 0; c < width; ++c) to[c] = static_cast<float>(source[c]);
      for (std::int64_t c = width; c < to_width; ++c) to[c] = 0.0F;
    }
  }

  template <class T>
  [[gnu::always_inline]] static void load_queries(const Buffers& at, const Job<T>& job,
                                                  const T* from, std::int64_t count) {
    const std::int64_t d = job.q.width;
    for (std::int64_t first = 0; first < count; first += kPanel)
      for (std::int64_t channel = 0; channel < d; ++channel) {
        float* to = at.queries + first * d + channel * kPanel;
        const std::int64_t columns = std::min<std::int64_t>(kPanel, count - first);
        for (std::int64_t c = 0; c < columns; ++c)
          to[c] = static_cast<float>(from[(first + c) * job.q.row + channel]) * job.scale;
        for (std::int64_t c = columns; c < kPanel; ++c) to[c] = 0.0F;
      }
  }

  template <class T>
  [[gnu::always_inline]] static void store_outputs(const Buffers& at, const Job<T>& job, T* to,
                                                   std::int64_t count) {
    for (std::int64_t query = 0; query < count; ++query) {
      const std::int64_t column = query % kPanel, first = query - column;
      const float* sums = at.sums + first * at.value_width + column;
      const float factor = 1.0F / at.totals[query];
      for (std::int64_t channel = 0; channel < job.out.width; ++channel)
        to[query * job.out.row + channel] = sums[channel * kPanel] * factor;
    }
  }

  /// Maxima are exponents of two.
  [[gnu::always_inline]] static void store_log_sum_exps(const Buffers& at, float* to,
                                                        std::int64_t count) {
    if (!to) return;
    for (std::int64_t query = 0; query < count; ++query)
      to[query] = at.maxima[query] * std::numbers::ln2_v<float> + std::log(at.totals[query]);
  }

  /// The attention of `count` queries of one head.
  template <class T>
  [[gnu::always_inline]] static void attend(const Buffers& at, const Job<T>& job, const T* q,
                                            const T* k, const T* v, T* out, float* log_sum_exps,
                                            std::int64_t count) {
    const std::int64_t d = job.q.width, columns = whole_panels(count);
    load_queries(at, job, q, count);
    std::fill_n(at.sums, columns * at.value_width, 0.0F);
    std::fill_n(at.maxima, columns, std::numeric_limits<float>::lowest());
    std::fill_n(at.totals, columns, 0.0F);
    for (std::int64_t key = 0; key < job.keys; key += kKeys) {
      const std::int64_t keys = std::min(kKeys, job.keys - key);
      widen(k + key * job.k.row, job.k.row, keys, d, at.keys, padded(keys), d);
      widen(v + key * job.v.row, job.v.row, keys, job.v.width, at.values, keys, at.value_width);
      for (std::int64_t first = 0; first < columns; first += kPanel) {
        float *maxima = at.maxima + first, *totals = at.totals + first;
        float* sums = at.sums + first * at.value_width;
        std::copy_n(maxima, kPanel, at.block_maxima);
        score(at, at.queries + first * d, keys, d);
        rescale(at, maxima, totals, sums);
        exponentiate(at, maxima, totals, keys);
        accumulate(at, sums, keys);
      }
    }
    store_outputs(at, job, out, count);
    store_log_sum_exps(at, log_sum_exps, count);
  }

  /// Blocks begin..end of all blocks of queries, in the order batch, head, query.
  template <class T>
  [[gnu::always_inline]] static void run(const Job<T>* job, std::int64_t begin, std::int64_t end) {
    const Buffers counted(nullptr, job->queries_at_once, job->q.width, job->v.width);
    const AlignedFloats memory(counted.floats);
    const Buffers at(memory.data(), job->queries_at_once, job->q.width, job->v.width);
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t head = block / job->blocks(), b = head / job->heads, h = head % job->heads;
      const std::int64_t first = block % job->blocks() * job->queries_at_once;
      attend(at, *job, job->q.at(b, h, first), job->k.at(b, h, 0), job->v.at(b, h, 0),
             job->out.at(b, h, first), job->log_sum_exp(head, first),
             std::min(job->queries_at_once, job->queries - first));
    }
  }
};

template <class T>
Rows<T> rows_of(const at::Tensor& x) {
  return {static_cast<T*>(const_cast<void*>(x.const_data_ptr())), x.stride(0), x.stride(1),
          x.stride(2), x.size(3)};
}

/// Fewer if there are more threads than blocks of queries.
std::int64_t queries_at_once(const at::Tensor& q) {
  std::int64_t count = kMostQueries;
  const auto blocks = [&] { return q.size(0) * q.size(1) * ((q.size(2) + count - 1) / count); };
  while (count > kLeastQueries && blocks() < 4 * at::get_num_threads()) count /= 2;
  return count;
}

template <class T>
void attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& out,
            float* log_sum_exps, double scale) {
  const Job<T> job{rows_of<const T>(q), rows_of<const T>(k),
                   rows_of<const T>(v), rows_of<T>(out),
                   log_sum_exps,        q.size(1),
                   q.size(2),           k.size(2),
                   queries_at_once(q),  static_cast<float>(scale * std::numbers::log2e)};
  threads::parallel_for(
      0, q.size(0) * job.heads * job.blocks(), 1,
      [&](std::int64_t begin, std::int64_t end) { run_cpu_kernel<Flash>(&job, begin, end); });
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  float* log_sum_exps, double scale) {
  RECORD_FUNCTION("chitu::flash_attention", std::vector<c10::IValue>{});
  const at::Tensor out =
      at::empty({q.size(0), q.size(2), q.size(1), v.size(3)}, q.options()).transpose(1, 2);
  if (q.scalar_type() == at::kBFloat16)
    attend<at::BFloat16>(q, k, v, out, log_sum_exps, scale);
  else
    attend<float>(q, k, v, out, log_sum_exps, scale);
  return out;
}

}  // namespace

bool flash_attention_fits(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const auto same = [&](const at::Tensor& x) {
    return x.dim() == 4 && x.scalar_type() == q.scalar_type() && x.stride(3) == 1 &&
           x.size(0) == q.size(0) && x.size(1) == q.size(1);
  };
  return (q.scalar_type() == at::kFloat || q.scalar_type() == at::kBFloat16) && same(q) &&
         same(k) && same(v) && k.size(3) == q.size(3) && k.size(2) == v.size(2) && k.size(2) > 0;
}

at::Tensor flash_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           double scale) {
  return attend(q, k, v, nullptr, scale);
}

parallel::AttentionPart flash_attention_part(const at::Tensor& q, const at::Tensor& k,
                                             const at::Tensor& v, double scale) {
  const at::Tensor log_sum_exp =
      at::empty({q.size(0), q.size(1), q.size(2)}, q.options().dtype(at::kFloat));
  auto* values = static_cast<float*>(log_sum_exp.mutable_data_ptr());
  return {attend(q, k, v, values, scale), log_sum_exp};
}

}  // namespace chitu::nn
