#include "chitu_core/models/feed_forward.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "chitu_core/device/dry_run_repeats.h"
#include "chitu_core/nn/norm.h"

namespace chitu::models {

FeedForward::FeedForward(std::int64_t width, std::int64_t middle)
    : in_(width, middle), out_(middle, width) {
  add_child("net.0.proj", in_);
  add_child("net.2", out_);
}

at::Tensor FeedForward::forward(const at::Tensor& x) const {
  at::Tensor middle = in_.forward(x);
  return out_.forward(at::gelu_(middle, "tanh"));
}

void FeedForward::add_to(at::Tensor& hidden, const at::Tensor& scale, const at::Tensor& shift,
                         const at::Tensor& gate, double eps, std::int64_t chunk_tokens) const {
  const std::int64_t tokens = hidden.size(1);
  if (tokens == 0) return;
  const std::int64_t step = chunk_tokens > 0 ? std::min(chunk_tokens, tokens) : tokens;
  device::for_runs(tokens, step, [&](std::int64_t start, std::int64_t count) {
    at::Tensor part = hidden.narrow(1, start, count);
    const at::Tensor x = nn::modulated_layer_norm(part, scale, shift, eps);
    nn::add_gated_(part, forward(x), gate);
  });
}

std::int64_t default_ffn_chunk(std::int64_t tokens, std::int64_t ffn_dim, int ranks) {
  constexpr std::int64_t kMostElements = 1 << 26, kRun = 256;
  const std::int64_t most = kMostElements / ranks;
  if (tokens * ffn_dim <= most) return tokens;
  return std::max(kRun, most / ffn_dim / kRun * kRun);
}

}  // namespace chitu::models
