#include <filesystem>
#include <iostream>

#include "chitu_core/common/registry.h"
#include "chitu_core/memory/plan.h"
#include "chitu_core/memory/strategy.h"
#include "pipelines/engine.h"

/// Decodes in tiles of 64 pixels: less memory, for more recomputation at the borders of tiles.
class SmallTiles final : public chitu::memory::Strategy {
 public:
  void edit(chitu::memory::MemoryPlan& plan, const chitu::memory::MemoryConfig&) const override {
    plan.vae_tiling = chitu::memory::VaeTiling::exact;
    plan.vae_tile_latents = 8;
  }
};
CHITU_REGISTER(chitu::memory::Strategy, SmallTiles, "small_tiles");

int main() {
  chitu::pipelines::EngineOptions options{.ckpt_dir = "assets/demo-t2v"};
  options.memory.strategies = {"small_tiles"};
  chitu::pipelines::Engine engine(options);
  const auto request = engine.complete({.prompt = "a blue cross moving down"});
  std::filesystem::create_directories("out");
  for (const auto& file : engine.generate(request, {.dir = "out"})) std::cout << file << "\n";
}
