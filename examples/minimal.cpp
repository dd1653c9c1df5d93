#include "chitu/chitu.h"

int main() {
  auto config = chitu::compose({.overrides = {"infer.diffusion.low_mem_level=2"}});
  config.set("request.seed", 7);
  chitu::Engine engine(config);
  chitu::Video video = engine.generate({.prompt = "a red circle moving right"});
  video.save("circle.mp4");
}
