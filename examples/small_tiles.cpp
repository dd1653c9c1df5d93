#include "chitu/chitu.h"
#include "chitu/strategy.h"

/// Decodes in tiles of 64 pixels: less memory, for more recomputation at the borders of tiles.
class SmallTiles final : public chitu::Strategy {
 public:
  void edit(chitu::MemoryPlan& plan, const chitu::MemoryConfig&) const override {
    plan.vae_tiling = chitu::VaeTiling::exact;
    plan.vae_tile_latents = 8;
  }
};
CHITU_REGISTER(chitu::Strategy, SmallTiles, "small_tiles");

int main() {
  chitu::Engine engine(chitu::compose({.overrides = {"infer.strategies=[small_tiles]"}}));
  engine.generate({.prompt = "a blue cross moving down"}).save("small_tiles.mp4");
}
