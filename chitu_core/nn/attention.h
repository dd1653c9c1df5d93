#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/parallel/attention_hook.h"

namespace chitu::nn {

using parallel::AttentionKind;
using parallel::AttentionOptions;

/// One way to compute softmax(q k^T * scale + bias) v, found under the name that infer.attn_type
/// gives (Registry<AttentionBackend>).
class AttentionBackend : public parallel::LocalAttention {
 public:
  /// Whether it computes exact attention, not an approximation (quantised, sparse).
  virtual bool exact() const { return true; }
  /// `auto` takes the exact backend of the highest rank that runs on the device.
  virtual int rank() const = 0;
  virtual bool runs_on(c10::DeviceType device) const = 0;
};

/// The one function that models call for attention. Copies are cheap and share backend and hook.
class Attention {
 public:
  /// The backend registered under `name`, or with `auto` the best exact one for the device.
  ///
  /// hook    wraps every call; null = none
  /// throws  InputError when no backend has this name, it does not run on the device, or the hook
  ///         needs the log-sum-exp, which it does not give
  explicit Attention(std::string_view name = "auto", c10::DeviceType device = c10::kCPU,
                     std::shared_ptr<const parallel::AttentionHook> hook = nullptr);

  /// q [B, heads, Lq, d], k and v [B, heads, Lk, d], any strides; returns [B, heads, Lq, d].
  /// Tensors that are moved here may be freed before the end.
  at::Tensor operator()(at::Tensor q, at::Tensor k, at::Tensor v,
                        const AttentionOptions& options = {}) const;

  /// The ranks between which the model splits its sequence (AttentionOptions::split); null = none.
  parallel::Communicator* ranks() const { return hook_ ? hook_->ranks() : nullptr; }

  /// The name under which the backend is registered; never `auto`.
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  const AttentionBackend* backend_;
  std::shared_ptr<const parallel::AttentionHook> hook_;
};

/// This name, or `auto` if its backend is an approximation: for models that encode the inputs,
/// whose errors every step would see.
std::string exact_attention(std::string_view name);

/// The values of infer.attn_type: `auto`, then the registered names, sorted.
std::vector<std::string> attention_names();

}  // namespace chitu::nn
