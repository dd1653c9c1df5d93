#include "chitu_core/graph/tensor_dump.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace chitu::graph {

void TensorDump::put(std::string_view name, const at::Tensor& tensor) {
  at::Tensor kept = tensor.detach().to(at::kCPU);
  if (at::isFloatingType(kept.scalar_type())) kept = kept.to(at::kFloat);
  // A copy, because the caller keeps using its tensor and may overwrite it.
  kept = kept.contiguous();
  if (kept.is_alias_of(tensor)) kept = kept.clone();
  const auto same = std::find_if(tensors_.begin(), tensors_.end(),
                                 [&](const auto& entry) { return entry.first == name; });
  if (same != tensors_.end())
    same->second = std::move(kept);
  else
    tensors_.emplace_back(name, std::move(kept));
}

}  // namespace chitu::graph
