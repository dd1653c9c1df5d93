#include "pipelines/model/component_set.h"

#include <filesystem>

#include "chitu_core/models/umt5/encoder.h"
#include "chitu_core/models/wan/vae.h"
#include "tests/pipelines/edited_model.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

using models::AutoencoderKLWan;
using models::UMT5EncoderModel;

std::vector<ComponentDescription> two_components() {
  return {describe<AutoencoderKLWan>("vae", memory::Role::vae, "diffusers", {"AutoencoderKLWan"}),
          describe<UMT5EncoderModel>("text_encoder", memory::Role::text_encoder, "transformers",
                                     {"T5EncoderModel", "UMT5EncoderModel"})};
}

TEST_CASE("described components are read, made and returned as their models, in order",
          "[pipelines]") {
  const auto described = two_components();
  CHECK((roles_of(described) ==
         std::vector<memory::ComponentRole>{{"vae", memory::Role::vae},
                                            {"text_encoder", memory::Role::text_encoder}}));
  const auto files = read_components(described, ModelFolder::open(fixtures() / "wan-unipc"), false);
  const ComponentSet set(files, false);
  REQUIRE(set.all().size() == 2);
  CHECK(set.all()[0] == &set.get<AutoencoderKLWan>("vae"));
  CHECK(set.all()[1] == &set.get<UMT5EncoderModel>("text_encoder"));
  CHECK(weights_of(files, "vae") == files[0].weights);
}

TEST_CASE("a component that is not described, or not as this model, is not returned",
          "[pipelines]") {
  const auto files =
      read_components(two_components(), ModelFolder::open(fixtures() / "wan-unipc"), true);
  const ComponentSet set(files, true);
  CHECK_THROWS_WITH(set.get<AutoencoderKLWan>("image_encoder"),
                    "the family describes no component image_encoder");
  CHECK_THROWS_WITH(weights_of(files, "image_encoder"),
                    "the family describes no component image_encoder");
  CHECK_THROWS_WITH(set.get<UMT5EncoderModel>("vae"),
                    "the family describes another model for the component vae");
}

TEST_CASE("a dry run without files counts weights in the published dtype", "[pipelines]") {
  const EditedModel model;
  std::filesystem::remove(model.path() / "vae/diffusion_pytorch_model.safetensors");
  auto described = two_components();
  described[0].published_dtype = at::kBFloat16;
  const ComponentSet set(read_components(described, ModelFolder::open(model.path()), true), true);
  const auto& vae = *set.all()[0];
  CHECK(vae.stored_bytes() == 2 * vae.module().parameter_count());
}

}  // namespace
}  // namespace chitu::pipelines
