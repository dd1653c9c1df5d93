#pragma once

#include <ATen/core/Tensor.h>

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

struct AttentionOptions {
  AttentionKind kind = AttentionKind::self;
  /// Added to the scores before the softmax; broadcasts to [B, heads, Lq, Lk]; undefined = nothing.
  at::Tensor bias;
  /// Factor of the scores; empty means 1 / sqrt(head_dim).
  std::optional<double> scale;
};

/// Computes softmax(q k^T * scale + bias) v on this rank only. Attention backends implement it.
class LocalAttention {
 public:
  virtual ~LocalAttention() = default;
  /// q [B, heads, Lq, d], k and v [B, heads, Lk, d], any strides; returns [B, heads, Lq, d].
  virtual at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const AttentionOptions& options) const = 0;
};

/// Wraps the attention calls of a transformer. Context parallelism exchanges heads or pieces of the
/// sequence between ranks here. Depends neither on models nor on attention backends.
class AttentionHook {
 public:
  virtual ~AttentionHook() = default;
  /// As LocalAttention::run, for what this rank holds of q, k and v; calls `local` as often as it
  /// needs, with any number of heads and any lengths.
  virtual at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const AttentionOptions& options, const LocalAttention& local) const = 0;
};

/// A way to split attention between ranks, registered under its name (Registry<AttentionScheme>).
/// `none` splits nothing.
class AttentionScheme {
 public:
  virtual ~AttentionScheme() = default;
  /// Null if ranks exchange nothing.
  virtual std::shared_ptr<const AttentionHook> make() const = 0;
};

/// The hook of the scheme that is registered under this name; null for `none`.
///
/// throws  InputError for a name that is not registered, with those that are
std::shared_ptr<const AttentionHook> attention_hook(std::string_view scheme);

}  // namespace chitu::parallel
