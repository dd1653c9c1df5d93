#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::nn {

/// What the queries look at.
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

/// One way to compute softmax(q k^T * scale + bias) v, found under the name that infer.attn_type
/// gives (Registry<AttentionBackend>).
class AttentionBackend {
 public:
  virtual ~AttentionBackend() = default;

  /// q [B, heads, Lq, d], k and v [B, heads, Lk, d], any strides; returns [B, heads, Lq, d].
  virtual at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const AttentionOptions& options) const = 0;

  /// Whether it computes attention itself and not an approximation (quantised, sparse).
  virtual bool exact() const { return true; }
  /// `auto` takes the exact backend of the highest rank that runs on the device.
  virtual int rank() const = 0;
  virtual bool runs_on(c10::DeviceType device) const = 0;
};

/// Stands around every attention call: the seam where context parallelism exchanges heads or
/// sequence pieces between ranks, and where tests look on.
class AttentionHook {
 public:
  virtual ~AttentionHook() = default;
  /// As AttentionBackend::run; calls `backend` as often as it needs.
  virtual at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const AttentionOptions& options,
                         const AttentionBackend& backend) const = 0;
};

/// The one function through which models attend. Copies are cheap and share backend and hook.
class Attention {
 public:
  /// The backend registered under `name`, or with `auto` the best exact one for the device.
  ///
  /// throws  InputError when no backend has this name, or it does not run on the device
  explicit Attention(std::string_view name = "auto", c10::DeviceType device = c10::kCPU);

  /// q [B, heads, Lq, d], k and v [B, heads, Lk, d], any strides; returns [B, heads, Lq, d].
  at::Tensor operator()(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const AttentionOptions& options = {}) const;

  /// The name under which the backend is registered; never `auto`.
  const std::string& name() const { return name_; }
  void set_hook(std::shared_ptr<const AttentionHook> hook) { hook_ = std::move(hook); }

 private:
  std::string name_;
  const AttentionBackend* backend_;
  std::shared_ptr<const AttentionHook> hook_;
};

/// The values of infer.attn_type: `auto`, then the registered names, sorted.
std::vector<std::string> attention_names();

}  // namespace chitu::nn
