#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::parallel {

/// What the queries attend to.
enum class AttentionKind {
  self,   ///< the same sequence: the one that context parallelism splits
  cross,  ///< another sequence, whole on every rank
};

/// How many rows of a sequence each rank holds, in the order of the ranks. A call may have rows
/// without queries: queries may be fewer than keys.
struct SplitRows {
  std::vector<std::int64_t> queries, keys;
};

struct AttentionOptions {
  AttentionKind kind = AttentionKind::self;
  /// Added to the scores before the softmax; broadcasts to [B, heads, Lq, Lk]; undefined = nothing.
  at::Tensor bias;
  /// Factor of the scores; empty means 1 / sqrt(head_dim).
  std::optional<double> scale;
  /// For self-attention of a sequence that ranks share; empty = this rank has all rows.
  SplitRows split{};
};

/// Attention to some of the keys. Results for different keys are merged by their log-sum-exps.
struct AttentionPart {
  at::Tensor out;          ///< [B, heads, Lq, d], dtype of q
  at::Tensor log_sum_exp;  ///< [B, heads, Lq] float32: ln(sum over the keys of exp(score))
};

/// Computes softmax(q k^T * scale + bias) v on this rank only. Attention backends implement it.
class LocalAttention {
 public:
  virtual ~LocalAttention() = default;
  /// q [B, heads, Lq, d], k and v [B, heads, Lk, d], any strides; returns [B, heads, Lq, d].
  virtual at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const AttentionOptions& options) const = 0;
  /// Whether run_part() works; a ring of ranks needs it.
  virtual bool gives_log_sum_exp() const { return false; }
  /// As run(), with what merging needs. k and v have at least one row.
  ///
  /// throws  Error if this way of attention does not give the log-sum-exp
  virtual AttentionPart run_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                 const AttentionOptions& options) const;
};

class Communicator;

/// Wraps the attention calls of a transformer. Context parallelism exchanges heads or pieces of the
/// sequence between ranks here. Depends neither on models nor on attention backends.
class AttentionHook {
 public:
  virtual ~AttentionHook() = default;
  /// As LocalAttention::run, for what this rank holds of q, k and v; calls `local` as often as it
  /// needs, with any number of heads and any lengths.
  virtual at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const AttentionOptions& options, const LocalAttention& local) const = 0;
  /// The same for tensors that the caller needs no more: each may be freed once it is used, or
  /// overwritten if the call is of a sequence that ranks share.
  virtual at::Tensor consume(at::Tensor q, at::Tensor k, at::Tensor v,
                             const AttentionOptions& options, const LocalAttention& local) const {
    return run(q, k, v, options, local);
  }
  /// The ranks between which a model splits its sequence; null = each call gets all rows. A model
  /// says in AttentionOptions::split what it has split.
  virtual Communicator* ranks() const { return nullptr; }
  /// Whether it calls LocalAttention::run_part().
  virtual bool needs_log_sum_exp() const { return false; }
};

/// The ranks that share a sequence, and what a scheme has to know about the model.
struct AttentionSplit {
  std::shared_ptr<Communicator> ranks{};  ///< null: one process
  std::int64_t heads = 0;                 ///< of the model's self-attention
  int up = 0;                             ///< Ulysses degree; 0 = the scheme's choice
};

/// A way to split attention between ranks, registered under its name (Registry<AttentionScheme>),
/// the value of infer.diffusion.cp_backend. `none` splits nothing.
class AttentionScheme {
 public:
  virtual ~AttentionScheme() = default;
  /// Null if ranks exchange nothing. All schemes of this folder return null for one rank.
  ///
  /// throws  InputError for a degree that the scheme does not have
  virtual std::shared_ptr<const AttentionHook> make(const AttentionSplit& split) const = 0;
};

/// The hook of the scheme that is registered under this name; null for `none`.
///
/// throws  InputError for a name that is not registered, with those that are; as make()
std::shared_ptr<const AttentionHook> attention_hook(std::string_view scheme,
                                                    const AttentionSplit& split = {});

}  // namespace chitu::parallel
