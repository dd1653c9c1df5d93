#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/io/json.h"
#include "chitu_core/models/wan/vae_config.h"
#include "tests/support/catch.h"

namespace chitu::models {
namespace {

WanVaeConfig read(const nlohmann::json& object) {
  return WanVaeConfig::from_json(io::JsonObject("vae/config.json", object));
}

TEST_CASE("the published config is read", "[models]") {
  const auto config = read({{"_class_name", "AutoencoderKLWan"},
                            {"_diffusers_version", "0.33.0.dev0"},
                            {"attn_scales", nlohmann::json::array()},
                            {"base_dim", 96},
                            {"dim_mult", {1, 2, 4, 4}},
                            {"dropout", 0.0},
                            {"num_res_blocks", 2},
                            {"temperal_downsample", {false, true, true}},
                            {"z_dim", 16}});
  CHECK(config.base_dim == 96);
  CHECK(config.latents_std[0] == 2.8184);
  CHECK(config.latents_mean[15] == -0.2921);
  CHECK(config.spatial_factor() == 8);
  CHECK(config.temporal_factor() == 4);
}

TEST_CASE("statistics come from the file, and the decoder's width may differ", "[models]") {
  const auto config = read({{"z_dim", 2},
                            {"decoder_base_dim", 32},
                            {"latents_mean", {0.5, -1}},
                            {"latents_std", {2, 3.5}},
                            {"patch_size", nullptr},
                            {"is_residual", false},
                            {"_class_name", "AutoencoderKL"},
                            {"quantization_config", nullptr}});
  CHECK(config.base_dim == 32);
  CHECK(config.latents_mean == std::vector<double>{0.5, -1});
  CHECK(config.latents_std == std::vector<double>{2, 3.5});
}

TEST_CASE("a config of another model, or an invalid one, is refused with file and key",
          "[models]") {
  const auto refused = [](const nlohmann::json& object, const std::string& message) {
    CHECK_THROWS_AS(read(object), InputError);
    CHECK_THROWS_WITH(read(object), Catch::ContainsSubstring("vae/config.json: " + message));
  };
  refused({{"patch_size", 2}}, "out_channels: expected 12: red, green and blue of 4 pixels, got 3");
  refused({{"patch_size", 0}}, "patch_size: expected 1 to 16, got 0");
  refused({{"is_residual", true}, {"dim_mult", {1, 2, 3, 4}}},
          "dim_mult: expected neighbours of which one divides the other");
  refused({{"num_resblocks", 2}}, "num_resblocks: unknown key, did you mean num_res_blocks?");
  refused({{"z_dim", 8}}, "latents_mean: expected 8 numbers, one per latent channel, got 16");
  refused({{"z_dim", 0}}, "z_dim: expected 1 to");
  refused({{"base_dim", "wide"}}, "base_dim: expected an integer");
  refused({{"dim_mult", {1, 2}}},
          "temperal_downsample: expected 1 values, one fewer than dim_mult");
  refused({{"dim_mult", nlohmann::json::array()}}, "dim_mult: expected 1 to 8 numbers, got 0");
  refused({{"dim_mult", {1, 2, 4, -4}}}, "dim_mult: expected 1 to");
  refused({{"out_channels", 4}}, "out_channels: expected 3");
  refused({{"scale_factor_spatial", 16}}, "scale_factor_spatial: expected 8, which dim_mult");
}

}  // namespace
}  // namespace chitu::models
