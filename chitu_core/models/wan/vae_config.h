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
  std::vector<double> latents_mean;  ///< [z_dim], of the latents that the encoder returns
  std::vector<double> latents_std;   ///< [z_dim]

  /// throws  InputError naming file and key: the Wan 2.2 autoencoder (is_residual, patch_size), an
  ///         unknown key, a wrong type, numbers that contradict each other
  static WanVaeConfig from_json(const io::JsonObject& json);

  std::int64_t spatial_factor() const;   ///< pixels per latent, 8
  std::int64_t temporal_factor() const;  ///< frames per latent frame except the first, 4
};

}  // namespace chitu::models
