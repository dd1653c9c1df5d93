#include <ATen/ATen.h>

#include <cmath>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/attention_part.h"
#include "chitu_core/nn/flash_attention.h"
#include "chitu_core/nn/products.h"

namespace chitu::nn {
namespace {

std::optional<at::Tensor> bias_of(const AttentionOptions& options, at::ScalarType dtype) {
  if (!options.bias.defined()) return std::nullopt;
  return options.bias.scalar_type() == at::kBool ? options.bias : options.bias.to(dtype);
}

at::Tensor of_libtorch(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const AttentionOptions& options) {
  return at::scaled_dot_product_attention(q, k, v, bias_of(options, q.scalar_type()),
                                          /*dropout_p=*/0.0, /*is_causal=*/false, options.scale);
}

/// libtorch's kernels are faster without AVX2, and in bfloat16 on processors with AMX.
bool flash_pays(const at::Tensor& q) {
  if (cpu_capability() == CpuCapability::baseline) return false;
  return q.scalar_type() == at::kFloat || !has_bfloat16_tiles();
}

bool takes_flash(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options) {
  return !options.bias.defined() && flash_attention_fits(q, k, v) && flash_pays(q);
}

double scale_of(const at::Tensor& q, const AttentionOptions& options) {
  return options.scale.value_or(1.0 / std::sqrt(static_cast<double>(q.size(3))));
}

/// chitu's own CPU kernel; libtorch's choice for inputs that the kernel does not support.
class CpuFlash final : public AttentionBackend {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options) const override {
    if (!device::has_host_kernels(q.device())) return of_libtorch(q, k, v, options);
    const bool fits = takes_flash(q, k, v, options);
    // A dry run counts libtorch's kernel, which returns the same number of bytes.
    if (fits && device::in_dry_run()) return of_libtorch(q, k, v, options);
    if (fits) return flash_attention(q, k, v, scale_of(q, options));
    const at::ScalarType dtype = product_dtype(q);
    if (dtype == q.scalar_type()) return of_libtorch(q, k, v, options);
    return run(q.to(dtype), k.to(dtype), v.to(dtype), options).to(q.scalar_type());
  }
  bool gives_log_sum_exp() const override { return true; }
  parallel::AttentionPart run_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const AttentionOptions& options) const override {
    if (!device::has_host_kernels(q.device()) || device::in_dry_run())
      return torch_attention_part(q, k, v, options, *this);
    if (takes_flash(q, k, v, options)) return flash_attention_part(q, k, v, scale_of(q, options));
    const at::ScalarType dtype = product_dtype(q);
    if (dtype == q.scalar_type()) return torch_attention_part(q, k, v, options, *this);
    auto part = run_part(q.to(dtype), k.to(dtype), v.to(dtype), options);
    return {part.out.to(q.scalar_type()), part.log_sum_exp};
  }
  int rank() const override { return 20; }
  bool runs_on(c10::DeviceType type) const override {
    return device::has_host_kernels(c10::Device(type, 0));
  }
};

CHITU_REGISTER(AttentionBackend, CpuFlash, "cpu_flash");

}  // namespace
}  // namespace chitu::nn
