#include <fstream>
#include <iostream>

#include "chitu/chitu.h"

/// batch PROMPTS.txt: a video for each line, as video_0.mp4 and so on. The model is opened once. A
/// prompt that fails does not stop the others.
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::ifstream prompts(argv[1]);
  chitu::Engine engine(chitu::compose({.overrides = {"infer.diffusion.low_mem_level=1"}}));
  int index = 0, failed = 0;
  for (std::string prompt; std::getline(prompts, prompt); ++index) {
    const std::string file = "video_" + std::to_string(index) + ".mp4";
    try {
      engine.generate({.prompt = prompt, .seed = 7}).save(file);
      std::cout << file << "\n";
    } catch (const chitu::Error& error) {
      std::cerr << file << ": " << error.what() << "\n";
      ++failed;
    }
  }
  return failed == 0 ? 0 : 1;
}
