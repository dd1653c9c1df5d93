#pragma once

#include <cstdint>
#include <vector>

namespace chitu::io {
class JsonObject;
}

namespace chitu::models {

/// Content of vae/config.json; the defaults are those of the published class.
struct WanVaeConfig {
  std::int64_t base_dim = 96;                      ///< of the decoder: channels at full resolution
  std::int64_t z_dim = 16;                         ///< latent channels
  std::vector<std::int64_t> dim_mult{1, 2, 4, 4};  ///< of base_dim, from full resolution down
  std::int64_t num_res_blocks = 2;                 ///< per resolution; the decoder has one more
  /// Whether each resolution is also halved in time, from full resolution down; one fewer than
  /// dim_mult. (The key has this spelling.)
  std::vector<bool> temperal_downsample{false, true, true};
  /// Whether each up block has a shortcut around it, as the Wan 2.2 autoencoder has.
  bool is_residual = false;
  /// Side in pixels of the patch of the picture that one position of the decoder's output holds in
  /// its 3 * patch_size^2 channels.
  std::int64_t patch_size = 1;
  std::vector<double> latents_mean;  ///< [z_dim], of the latents as the encoder makes them
  std::vector<double> latents_std;   ///< [z_dim]

  /// throws  InputError naming file and key: an unknown key, a wrong type, numbers that do not go
  ///         together
  static WanVaeConfig from_json(const io::JsonObject& json);

  std::int64_t out_channels() const { return 3 * patch_size * patch_size; }
  std::int64_t upsampling_factor() const;  ///< positions of the decoder's output per latent
  /// Pixels per latent, 8.
  std::int64_t spatial_factor() const { return upsampling_factor() * patch_size; }
  std::int64_t temporal_factor() const;  ///< frames per latent frame except the first, 4
};

/// What the encoder reads of the same file.
struct WanVaeEncoderConfig {
  WanVaeConfig vae;
  std::int64_t base_dim = 96;  ///< of the encoder

  /// throws  InputError as WanVaeConfig::from_json(), and for attention amid the down blocks
  static WanVaeEncoderConfig from_json(const io::JsonObject& json);
};

}  // namespace chitu::models
