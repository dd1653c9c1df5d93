#pragma once

namespace at {
class Tensor;
}

namespace chitu::nn {

/// Whether every number of a floating-point tensor is finite: neither NaN nor infinite. One pass
/// over the tensor. On the CPU and the simulated device nothing is allocated or copied; an
/// accelerator reduces it there to one number, which is copied to the host after the work queued
/// before it on the same stream, while copies on other streams go on. In a plan always true; what
/// the answer takes is counted.
bool all_finite(const at::Tensor& tensor);

}  // namespace chitu::nn
