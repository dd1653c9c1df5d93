#include "chitu_core/models/qwen_image/modulation.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/memory/layer_walk.h"

namespace chitu::models {
namespace {

constexpr std::int64_t kFrequencies = 128;
constexpr std::int64_t kBlockRows = 12, kHeadRows = 2;

/// [N, 2 * kFrequencies] float32: cosines first. As in the reference, the timesteps are divided by
/// 1000 and the angles multiplied by it, because these operations round.
at::Tensor sinusoids(const std::vector<double>& timesteps, c10::Device device) {
  const std::vector<float> rounded(timesteps.begin(), timesteps.end());
  const at::Tensor shares = device::move_to(at::tensor(rounded), device).div_(1000).unsqueeze_(1);
  const at::Tensor frequencies =
      at::arange(kFrequencies, at::TensorOptions().dtype(at::kFloat).device(device))
          .mul_(-std::log(10000.0))
          .div_(static_cast<double>(kFrequencies))
          .exp_();
  const at::Tensor angles = shares.mul(frequencies).mul_(1000);
  return at::cat({angles.cos(), angles.sin()}, -1);
}

at::Tensor empty_on_host(at::IntArrayRef shape, at::ScalarType dtype) {
  return at::empty(shape, at::TensorOptions().dtype(dtype).device(device::host()));
}

}  // namespace

QwenImageModulation::Block::Block(std::int64_t width)
    : img_mod(width, 6 * width), txt_mod(width, 6 * width) {
  add_child("img_mod.1", img_mod);
  add_child("txt_mod.1", txt_mod);
}

QwenImageModulation::QwenImageModulation(const QwenImageTransformer2DConfig& config)
    : config_(config),
      timestep_embedder_(2 * kFrequencies, config.width()),
      norm_out_(config.width(), kHeadRows * config.width()) {
  add_child("time_text_embed.timestep_embedder", timestep_embedder_);
  for (std::int64_t index = 0; index < config.num_layers; ++index) {
    blocks_.push_back(std::make_unique<Block>(config.width()));
    add_child(fmt::format("transformer_blocks.{}", index), *blocks_.back());
  }
  add_child("norm_out.linear", norm_out_);
}

std::vector<std::pair<std::string, memory::Module*>> QwenImageModulation::layers() {
  std::vector<std::pair<std::string, memory::Module*>> layers;
  for (std::size_t index = 0; index < blocks_.size(); ++index)
    layers.emplace_back(fmt::format("transformer_blocks.{}", index), blocks_[index].get());
  return layers;
}

std::vector<std::string> QwenImageModulation::unused_prefixes() const {
  std::vector<std::string> prefixes{"img_in.", "txt_in.", "txt_norm.", "proj_out."};
  for (std::size_t index = 0; index < blocks_.size(); ++index)
    for (const char* part : {"attn", "img_mlp", "txt_mlp"})
      prefixes.push_back(fmt::format("transformer_blocks.{}.{}.", index, part));
  return prefixes;
}

at::Tensor QwenImageModulation::embedded(const std::vector<double>& timesteps,
                                         c10::Device device) const {
  at::Tensor middle = timestep_embedder_.linear_1.forward(sinusoids(timesteps, device));
  return timestep_embedder_.linear_2.forward(at::silu_(middle));
}

QwenImageModulations QwenImageModulation::modulations(const std::vector<double>& timesteps,
                                                      c10::Device device,
                                                      memory::LayerObserver* observer) const {
  const auto steps = static_cast<std::int64_t>(timesteps.size());
  const at::Tensor temb = at::silu(embedded(timesteps, device));
  const std::int64_t width = config_.width();
  QwenImageModulations made{
      empty_on_host({config_.num_layers, steps, kBlockRows, width}, temb.scalar_type()),
      empty_on_host({steps, kHeadRows, width}, temb.scalar_type())};
  memory::LayerWalk walk(observer);
  for (std::int64_t index = 0; index < config_.num_layers; ++index) {
    const Block& block = *blocks_[static_cast<std::size_t>(index)];
    walk.layer(block, {}, [&] {
      const at::Tensor both =
          at::cat({block.img_mod.forward(temb), block.txt_mod.forward(temb)}, 1);
      device::copy_into(made.blocks[index], both.view({steps, kBlockRows, width}));
    });
  }
  device::copy_into(made.head, norm_out_.forward(temb).view({steps, kHeadRows, width}));
  return made;
}

}  // namespace chitu::models
