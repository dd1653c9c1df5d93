#include "chitu_core/models/wan/vae_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "chitu_core/io/json.h"
#include "chitu_core/models/component_config.h"

namespace chitu::models {
namespace {

constexpr std::int64_t kWidest = 1 << 14;
constexpr std::int64_t kMostLevels = 8;
constexpr std::int64_t kLargestPatch = 16;

/// attn_scales, dropout and in_channels matter to the encoder and to training only.
const std::vector<std::string> kKnownKeys{"base_dim",
                                          "decoder_base_dim",
                                          "z_dim",
                                          "dim_mult",
                                          "num_res_blocks",
                                          "attn_scales",
                                          "temperal_downsample",
                                          "dropout",
                                          "latents_mean",
                                          "latents_std",
                                          "is_residual",
                                          "in_channels",
                                          "out_channels",
                                          "patch_size",
                                          "scale_factor_temporal",
                                          "scale_factor_spatial"};

/// The published statistics of 16 latent channels, used if the file has none.
const std::vector<double> kLatentsMean{-0.7571, -0.7089, -0.9113, 0.1075,  -0.1745, 0.9653,
                                       -0.1517, 1.5508,  0.4134,  -0.0715, 0.5517,  -0.3632,
                                       -0.1922, -0.9497, 0.2503,  -0.2921};
const std::vector<double> kLatentsStd{2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708,
                                      2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579,
                                      1.6382, 1.1253, 2.8251, 1.9160};

std::int64_t integer(const io::JsonObject& json, const char* key, std::int64_t fallback,
                     std::int64_t most) {
  return integer_between(json, key, fallback, 1, most);
}

void read_dim_mult(const io::JsonObject& json, WanVaeConfig& config) {
  config.dim_mult = json.value_or("dim_mult", config.dim_mult);
  const auto levels = static_cast<std::int64_t>(config.dim_mult.size());
  if (levels < 1 || levels > kMostLevels)
    json.fail("dim_mult", fmt::format("expected 1 to {} numbers, got {}", kMostLevels, levels));
  for (const std::int64_t mult : config.dim_mult)
    if (mult < 1 || mult > kWidest / config.base_dim)
      json.fail("dim_mult",
                fmt::format("expected 1 to {}, got {}", kWidest / config.base_dim, mult));
}

void check_channels(const io::JsonObject& json, const WanVaeConfig& config) {
  const auto channels = json.value_or("out_channels", std::int64_t{3});
  if (channels != config.out_channels())
    json.fail("out_channels",
              fmt::format("expected {}: red, green and blue of {} pixels, got {}",
                          config.out_channels(), config.out_channels() / 3, channels));
}

/// A shortcut repeats or picks whole channels of the level below.
void check_shortcuts(const io::JsonObject& json, const WanVaeConfig& config) {
  if (!config.is_residual) return;
  const auto& mult = config.dim_mult;
  for (std::size_t level = 1; level + 1 < mult.size(); ++level) {
    const std::int64_t out = mult[level], in = mult[level + 1];
    const std::int64_t most = config.temperal_downsample[level - 1] ? 8 : 4;
    if (out % in != 0 && (in % out != 0 || most % (in / out) != 0))
      json.fail("dim_mult", fmt::format("expected neighbours of which one divides the other, since "
                                        "is_residual is true; got {} and {}",
                                        out, in));
  }
}

void check_factor(const io::JsonObject& json, const char* key, std::int64_t expected) {
  const auto value = json.value_or(key, expected);
  if (value != expected)
    json.fail(
        key,
        fmt::format("expected {}, which dim_mult, temperal_downsample and patch_size make, got {}",
                    expected, value));
}

std::vector<double> statistics(const io::JsonObject& json, const char* key,
                               const std::vector<double>& published, std::int64_t z_dim) {
  auto values = json.value_or(key, published);
  if (static_cast<std::int64_t>(values.size()) != z_dim)
    json.fail(key, fmt::format("expected {} numbers, one per latent channel, got {}", z_dim,
                               values.size()));
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!std::all_of(values.begin(), values.end(), finite)) json.fail(key, "expected finite numbers");
  return values;
}

}  // namespace

WanVaeConfig WanVaeConfig::from_json(const io::JsonObject& json) {
  check_keys(json, kKnownKeys);
  WanVaeConfig config;
  config.is_residual = json.value_or("is_residual", false);
  config.patch_size = integer(json, "patch_size", config.patch_size, kLargestPatch);
  check_channels(json, config);
  config.base_dim = integer(json, "base_dim", config.base_dim, kWidest);
  config.base_dim = integer(json, "decoder_base_dim", config.base_dim, kWidest);
  config.z_dim = integer(json, "z_dim", config.z_dim, kWidest);
  config.num_res_blocks = integer(json, "num_res_blocks", config.num_res_blocks, 64);
  read_dim_mult(json, config);
  config.temperal_downsample = json.value_or("temperal_downsample", config.temperal_downsample);
  if (config.temperal_downsample.size() + 1 != config.dim_mult.size())
    json.fail("temperal_downsample",
              fmt::format("expected {} values, one fewer than dim_mult has, got {}",
                          config.dim_mult.size() - 1, config.temperal_downsample.size()));
  check_shortcuts(json, config);
  check_factor(json, "scale_factor_spatial", config.spatial_factor());
  check_factor(json, "scale_factor_temporal", config.temporal_factor());
  config.latents_mean = statistics(json, "latents_mean", kLatentsMean, config.z_dim);
  config.latents_std = statistics(json, "latents_std", kLatentsStd, config.z_dim);
  for (const double value : config.latents_std)
    if (value <= 0) json.fail("latents_std", fmt::format("expected more than 0, got {}", value));
  return config;
}

namespace {

/// A shortcut around a down block averages whole groups of channels.
void check_averages(const io::JsonObject& json, const WanVaeConfig& config) {
  if (!config.is_residual) return;
  std::int64_t in = 1;
  for (std::size_t level = 0; level < config.dim_mult.size(); ++level) {
    const bool down = level + 1 < config.dim_mult.size();
    const std::int64_t positions = !down ? 1 : config.temperal_downsample[level] ? 8 : 4;
    const std::int64_t out = config.dim_mult[level];
    if (in * positions % out != 0)
      json.fail("dim_mult",
                fmt::format("expected a divisor of {}, since is_residual is true, got {}",
                            in * positions, out));
    in = out;
  }
}

}  // namespace

WanVaeEncoderConfig WanVaeEncoderConfig::from_json(const io::JsonObject& json) {
  WanVaeEncoderConfig config;
  config.vae = WanVaeConfig::from_json(json);
  config.base_dim = integer(json, "base_dim", config.base_dim, kWidest);
  const auto channels = json.value_or("in_channels", std::int64_t{3});
  if (channels != config.vae.out_channels())
    json.fail("in_channels",
              fmt::format("expected {}: red, green and blue of {} pixels, got {}",
                          config.vae.out_channels(), config.vae.out_channels() / 3, channels));
  if (!json.value_or("attn_scales", std::vector<double>{}).empty())
    json.fail("attn_scales", "expected []: attention amid the down blocks is not supported");
  check_averages(json, config.vae);
  return config;
}

std::int64_t WanVaeConfig::upsampling_factor() const {
  return std::int64_t{1} << (dim_mult.size() - 1);
}

std::int64_t WanVaeConfig::temporal_factor() const {
  return std::int64_t{1} << std::count(temperal_downsample.begin(), temperal_downsample.end(),
                                       true);
}

}  // namespace chitu::models
