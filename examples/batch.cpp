#include <fstream>
#include <iostream>

#include "chitu/chitu.h"

/// batch PROMPTS.txt: a video for each line, as video_0.mp4 and so on. Four at a time pass through
/// the transformer. A prompt that fails does not stop the others.
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::ifstream prompts(argv[1]);
  std::vector<chitu::Request> requests;
  for (std::string prompt; std::getline(prompts, prompt);)
    requests.push_back({.prompt = prompt, .seed = 7});

  int failed = 0;
  chitu::BatchOptions options{.size = 4};
  options.on_result = [&](std::size_t index, const chitu::BatchResult& result) {
    const std::string file = "video_" + std::to_string(index) + ".mp4";
    try {
      result.video().save(file);
      std::cout << file << "\n";
    } catch (const chitu::Error& error) {
      std::cerr << file << ": " << error.what() << "\n";
      ++failed;
    }
  };
  chitu::Engine engine(chitu::compose({.overrides = {"infer.diffusion.low_mem_level=3"}}));
  engine.generate_batch(requests, options);
  return failed == 0 ? 0 : 1;
}
