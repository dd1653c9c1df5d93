#include "pipelines/api/latents_keeper.h"

#include <ATen/ATen.h>

namespace chitu::api {

void LatentsKeeper::latents_changed(int index, int count, const at::Tensor& latents) {
  if (index + 1 == count) latents_ = latents.to(at::kCPU).contiguous();
}

}  // namespace chitu::api
