#include "pipelines/forecast/process_size.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <exception>
#include <filesystem>

#include "chitu_core/common/log.h"
#include "chitu_core/device/device.h"
#include "chitu_core/io/video.h"
#include "chitu_core/nn/products.h"

namespace chitu::pipelines {
namespace {

/// Operators of text encoders and transformers: products, norms, activations, attention.
void call_transformer_kernels(at::ScalarType dtype) {
  const at::Tensor x = at::ones({512, 512}, at::TensorOptions(dtype));
  const at::Tensor mixed = nn::linear_map(x, x, x[0]);
  const at::Tensor wide = mixed.to(at::kFloat);
  at::layer_norm(wide, {512}).mul(wide.square().mean(-1, true).rsqrt()).to(dtype);
  at::gelu(mixed, "tanh") + at::silu(mixed);
  const at::Tensor heads = x.view({1, 8, 512, 64});
  at::scaled_dot_product_attention(heads, heads, heads);
  at::softmax(at::matmul(heads, heads.transpose(-1, -2)), -1);
  at::index_select(x, 0, at::zeros({4}, at::kLong));
  at::cat({x.sin(), x.cos()}, 1);
}

/// Operators of a VAE: convolutions over time and space, and upsampling.
void call_vae_kernels(at::ScalarType dtype) {
  const at::ScalarType computed_in = nn::product_dtype(at::empty({0}, dtype));
  const at::Tensor x = at::ones({1, 64, 3, 32, 32}, at::TensorOptions(computed_in));
  at::silu(at::conv3d(x, at::ones({64, 64, 3, 3, 3}, x.options())));
  at::conv3d(x, at::ones({64, 64, 1, 1, 1}, x.options()));
  const at::Tensor picture = x.select(2, 0).contiguous();
  at::conv2d(picture, at::ones({64, 64, 3, 3}, x.options()));
  at::upsample_nearest2d(picture, {64, 64});
}

/// The libraries that write videos are mapped, and allocate their buffers, with the first video.
void write_video() {
  try {
    const auto file =
        std::filesystem::temp_directory_path() / fmt::format("chitu_{}.mp4", ::getpid());
    io::VideoOptions options;
    options.width_px = options.height_px = 64;
    io::VideoWriter writer(file, options);
    writer.add(at::zeros({9, 64, 64, 3}, at::kByte));
    writer.finish();
    std::filesystem::remove(file);
  } catch (const std::exception& error) {  // not writable: a run writes elsewhere
    logger("memory")->debug("the size of the process without a video writer: {}", error.what());
  }
}

}  // namespace

std::int64_t process_size(const memory::PlanRequest& choices, bool host_kernels) {
  const c10::InferenceMode inference;
  ::malloc_trim(0);  // else memory freed before would serve the kernels and hide their size
  write_video();
  if (host_kernels) {
    call_transformer_kernels(choices.dtype);
    call_vae_kernels(choices.vae_dtype);
  }
  return device::resident_bytes();
}

}  // namespace chitu::pipelines
