#include "chitu_core/io/encoding.h"

#include <ATen/ATen.h>

namespace chitu::io {
namespace {

constexpr std::int64_t kScaleBytes = sizeof(float);

class ScaledFloat8 final : public Encoding {
 public:
  ScaledFloat8(at::ScalarType dtype, float scale) : dtype_(dtype), scale_(scale) {}
  std::string name() const override { return "fp8_scaled"; }
  std::int64_t row_bytes(std::int64_t columns) const override { return columns; }
  void decode(const at::Tensor& bytes, at::Tensor& values) const override {
    values.copy_(bytes.view(dtype_).to(at::kFloat).mul_(static_cast<double>(scale_)));
  }

 private:
  at::ScalarType dtype_;
  float scale_;
};

class RowScaledFloat8 final : public Encoding {
 public:
  explicit RowScaledFloat8(at::ScalarType dtype) : dtype_(dtype) {}
  std::string name() const override { return "fp8_scaled by rows"; }
  std::int64_t row_bytes(std::int64_t columns) const override { return columns + kScaleBytes; }
  void decode(const at::Tensor& bytes, at::Tensor& values) const override {
    const std::int64_t columns = bytes.size(1) - kScaleBytes;
    const at::Tensor scales = bytes.narrow(1, columns, kScaleBytes).contiguous().view(at::kFloat);
    const at::Tensor plain = bytes.narrow(1, 0, columns).contiguous().view(dtype_);
    values.copy_(plain.to(at::kFloat).mul_(scales));
  }

 private:
  at::ScalarType dtype_;
};

}  // namespace

std::shared_ptr<const Encoding> scaled_float8(at::ScalarType dtype, float scale) {
  return std::make_shared<ScaledFloat8>(dtype, scale);
}

std::shared_ptr<const Encoding> row_scaled_float8(at::ScalarType dtype) {
  return std::make_shared<RowScaledFloat8>(dtype);
}

}  // namespace chitu::io
