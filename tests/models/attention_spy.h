#pragma once

#include <memory>
#include <vector>

#include "chitu_core/nn/attention.h"

namespace chitu::models {

/// Records what every attention call is given, and lets it through.
struct AttentionSpy : nn::AttentionHook {
  struct Call {
    at::Tensor q, k, v;
    nn::AttentionOptions options;
  };
  mutable std::vector<Call> calls;

  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const nn::AttentionOptions& options,
                 const nn::AttentionBackend& backend) const override {
    calls.push_back({q.clone(), k.clone(), v.clone(), options});
    return backend.run(q, k, v, options);
  }
};

inline nn::Attention watched(const std::shared_ptr<AttentionSpy>& spy) {
  nn::Attention attention;
  attention.set_hook(spy);
  return attention;
}

}  // namespace chitu::models
