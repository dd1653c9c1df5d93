#pragma once

#include <ATen/core/Tensor.h>

#include "chitu_core/graph/events.h"

namespace chitu::api {

/// Keeps the latents of the last step, on the CPU.
class LatentsKeeper final : public graph::Observer {
 public:
  void latents_changed(int index, int count, const at::Tensor& latents) override;
  at::Tensor take() { return std::move(latents_); }

 private:
  at::Tensor latents_;
};

}  // namespace chitu::api
