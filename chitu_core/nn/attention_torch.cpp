#include <ATen/ATen.h>

#include "chitu_core/common/registry.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/attention_part.h"

namespace chitu::nn {
namespace {

std::optional<at::Tensor> bias_of(const AttentionOptions& options) {
  return options.bias.defined() ? std::optional(options.bias) : std::nullopt;
}

/// libtorch's own choice among its fused kernels.
class TorchSdpa final : public AttentionBackend {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options) const override {
    return at::scaled_dot_product_attention(q, k, v, bias_of(options), /*dropout_p=*/0.0,
                                            /*is_causal=*/false, options.scale);
  }
  bool gives_log_sum_exp() const override { return true; }
  parallel::AttentionPart run_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const AttentionOptions& options) const override {
    return torch_attention_part(q, k, v, options, *this);
  }
  int rank() const override { return 10; }
  bool runs_on(c10::DeviceType) const override { return true; }
};

/// Matrix product, softmax, matrix product: slow and simple, for comparison.
class TorchSdpaMath final : public AttentionBackend {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options) const override {
    return std::get<0>(at::_scaled_dot_product_attention_math(
        q, k, v, bias_of(options), /*dropout_p=*/0.0, /*is_causal=*/false, /*dropout_mask=*/{},
        options.scale));
  }
  bool gives_log_sum_exp() const override { return true; }
  parallel::AttentionPart run_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const AttentionOptions& options) const override {
    return plain_attention_part(q, k, v, options);
  }
  int rank() const override { return 0; }
  bool runs_on(c10::DeviceType) const override { return true; }
};

CHITU_REGISTER(AttentionBackend, TorchSdpa, "torch_sdpa");
CHITU_REGISTER(AttentionBackend, TorchSdpaMath, "torch_sdpa_math");

}  // namespace
}  // namespace chitu::nn
