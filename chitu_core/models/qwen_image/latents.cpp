#include "chitu_core/models/qwen_image/latents.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/io/json.h"
#include "chitu_core/models/component_config.h"
#include "chitu_core/models/guidance.h"

namespace chitu::models {
namespace {

constexpr std::int64_t kPictureChannels = 3;
const std::vector<std::string> kKnownKeys{"base_dim",       "z_dim",          "dim_mult",
                                          "num_res_blocks", "attn_scales",    "temperal_downsample",
                                          "dropout",        "input_channels", "latents_mean",
                                          "latents_std"};

}  // namespace

at::Tensor pack_latents(const at::Tensor& latents) {
  return latents.unflatten(3, {-1, 2})
      .unflatten(2, {-1, 2})
      .permute({0, 2, 4, 1, 3, 5})
      .flatten(3)
      .flatten(1, 2);
}

at::Tensor unpack_latents(const at::Tensor& packed, std::int64_t height, std::int64_t width) {
  return packed.unflatten(1, {height / 2, width / 2})
      .unflatten(3, {-1, 2, 2})
      .permute({0, 3, 1, 4, 2, 5})
      .reshape({packed.size(0), packed.size(2) / 4, 1, height, width});
}

at::Tensor rescaled_guidance(const at::Tensor& cond, const at::Tensor& uncond,
                             double guidance_scale) {
  const at::Tensor combined = classifier_free_guidance(cond, uncond, guidance_scale);
  const auto lengths = [](const at::Tensor& velocity) {
    return at::linalg_vector_norm(velocity, 2, -1, /*keepdim=*/true);
  };
  return combined * (lengths(cond) / lengths(combined));
}

WanVaeConfig qwen_image_vae_config(const io::JsonObject& json) {
  check_keys(json, kKnownKeys);
  if (const auto channels = json.value_or("input_channels", kPictureChannels);
      channels != kPictureChannels)
    json.fail("input_channels",
              fmt::format("expected {}: red, green and blue; got {}", kPictureChannels, channels));
  nlohmann::json own = json.json();
  own.erase("input_channels");
  return WanVaeConfig::from_json({json.name(), own});
}

}  // namespace chitu::models
