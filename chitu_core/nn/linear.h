#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/memory/module.h"

namespace chitu::nn {

/// y = x W^T + b. Keys: weight [out, in], bias [out] where there is one. With a LoRA, also
/// + (x A^T) B^T. Keys: lora_A.weight [rank, in], lora_B.weight [out, rank].
/// Source: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021
class Linear : public memory::Module {
 public:
  Linear(std::int64_t in_features, std::int64_t out_features, bool bias = true,
         memory::Precision precision = memory::Precision::follow);

  /// x [..., in], any dtype: it is cast to the weight's. Returns [..., out] in the weight's dtype.
  at::Tensor forward(const at::Tensor& x) const;

  at::ScalarType dtype() const;

  bool add_low_rank(std::int64_t rank) override;

 private:
  /// Adds (x A^T) B^T to y, without a second tensor of its size where the dtype allows it.
  void add_low_rank_product(const at::Tensor& x, at::Tensor& y) const;

  memory::Parameter& weight_;
  memory::Parameter* bias_ = nullptr;
  memory::Parameter* down_ = nullptr;
  memory::Parameter* up_ = nullptr;
};

}  // namespace chitu::nn
