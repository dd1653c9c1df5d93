#include <filesystem>
#include <iostream>

#include "pipelines/engine.h"

int main() {
  chitu::pipelines::Engine engine({.ckpt_dir = "assets/demo-t2v"});
  const auto request = engine.complete({.prompt = "a red circle moving right"});
  std::filesystem::create_directories("out");
  for (const auto& file : engine.generate(request, {.dir = "out"})) std::cout << file << "\n";
}
