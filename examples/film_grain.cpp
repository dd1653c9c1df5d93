#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "chitu/chitu.h"
#include "chitu/stage.h"

/// Adds noise to the pictures, the same for the same seed.
class FilmGrain final : public chitu::Stage<chitu::Frames> {
 public:
  chitu::Frames run(const chitu::Frames& input, const chitu::StageRequest& request,
                    chitu::StageContext& context) const override {
    if (chitu::in_dry_run()) return input;  // only shapes count
    context.check_stop();
    auto generator = at::make_generator<at::CPUGeneratorImpl>(request.seed);
    const at::Tensor noise = at::randn(input.frames.sizes(), generator, at::kFloat);
    return {(input.frames + 8 * noise).clamp(0, 255).to(at::kByte)};
  }
};
CHITU_REGISTER(chitu::StageExtension, FilmGrain, "film_grain");

int main() {
  auto config =
      chitu::compose({.overrides = {"model.stages=[{name: film_grain, after: decode_latents}]"}});
  chitu::Engine engine(config);
  engine.generate({.prompt = "a green square moving left"}).save("film_grain.mp4");
}
