#pragma once

namespace at {
class Tensor;
}

namespace chitu::nn {

/// Whether every number of a floating-point tensor is finite: neither NaN nor infinite. Reads the
/// tensor once. On the CPU and the simulated device nothing is allocated or copied. An accelerator
/// reduces the tensor to one number and copies that to the host; this waits for the work queued on
/// the same stream, not for copies on other streams. In a dry run it is always true, and its memory
/// and copies are counted.
bool all_finite(const at::Tensor& tensor);

}  // namespace chitu::nn
