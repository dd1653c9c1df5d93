#include "chitu_core/nn/embedding.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "chitu_core/device/dry_run.h"

namespace chitu::nn {

at::Tensor Embedding::forward(const at::Tensor& ids) const {
  // The table may be in the file's dtype; casting rows gives the same bits as casting all of it.
  const at::Tensor& table = weight_.tensor;
  if (table.is_meta()) {  // a dry run has only the table's shape
    std::vector<std::int64_t> shape = ids.sizes().vec();
    shape.push_back(table.size(1));
    const at::Tensor ids_there = ids.to(device::host());
    return values_of(at::empty(shape, table.options().device(ids_there.device())), ids.device());
  }
  return values_of(at::embedding(table, ids.to(table.device())), ids.device());
}

/// Rows of the table as values on a device. Encoded rows are copied there before they are decoded.
at::Tensor Embedding::values_of(const at::Tensor& rows, c10::Device device) const {
  if (!weight_.encoding) return rows.to(device, weight_.dtype);
  std::vector<std::int64_t> shape = rows.sizes().vec();
  shape.back() = weight_.shape[1];
  return weight_.decoded_rows(rows.to(device).flatten(0, -2)).view(shape);
}

at::Tensor timestep_embedding(double timestep, std::int64_t width, c10::Device device) {
  const std::int64_t half = width / 2;
  // In float32 throughout, as in the reference: at t = 999 a double would differ by 1e-5.
  const at::Tensor angles = at::arange(half, at::TensorOptions().dtype(at::kFloat).device(device))
                                .mul_(-std::log(10000.0))
                                .div_(static_cast<double>(half))
                                .exp_()
                                .mul_(timestep)
                                .unsqueeze_(0);
  return at::cat({angles.cos(), angles.sin()}, -1);
}

}  // namespace chitu::nn
