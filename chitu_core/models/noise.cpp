#include "chitu_core/models/noise.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace chitu::models {

at::Tensor initial_noise(at::IntArrayRef shape, std::uint64_t seed) {
  // The generator's bits depend on how many elements one call draws: never draw in parts.
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed),
                   at::TensorOptions().dtype(at::kFloat).device(at::kCPU));
}

}  // namespace chitu::models
