#include "chitu_core/models/wan/vae_chunks.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "chitu_core/device/dry_run_repeats.h"

namespace chitu::models {

void for_each_chunk(std::int64_t frames, std::int64_t most,
                    std::initializer_list<nn::FeatureCache*> caches,
                    const std::function<void(std::int64_t, std::int64_t)>& visit) {
  device::DryRunRepeats chunks;
  for (std::int64_t first = 0; first < frames;) {
    const std::int64_t count = first == 0 ? 1 : std::min(most, frames - first);
    const bool last = first + count == frames;
    device::DryRunRepeats::Kind kind{count, first == 0 ? 1 : 0, last ? 1 : 0};
    for (nn::FeatureCache* cache : caches) {
      if (last) cache->stop_keeping();
      kind.push_back(cache->bytes());
    }
    chunks.run(kind, [&] { visit(first, count); });
    first += count;
  }
}

std::int64_t frames_before(std::int64_t first, std::int64_t factor) {
  return first == 0 ? 0 : 1 + (first - 1) * factor;
}

void gather(at::Tensor& clip, const at::Tensor& chunk, std::int64_t first, std::int64_t frames) {
  if (!clip.defined()) {
    std::vector<std::int64_t> shape = chunk.sizes().vec();
    shape[1] = frames;
    clip = at::empty(shape, chunk.options());
  }
  clip.narrow(1, first, chunk.size(1)).copy_(chunk);
}

}  // namespace chitu::models
