#include <cstdio>
#include <exception>
#include <filesystem>
#include <stop_token>
#include <string>

#include "pipelines/engine.h"

/// Prints the stages and the denoising steps of a run as they begin.
class Progress final : public chitu::graph::Observer {
 public:
  void stage_begin(std::string_view stage) override {
    std::printf("%s\n", std::string(stage).c_str());
  }
  void step_begin(int index, int count) override {
    std::printf("step %d of %d\n", index + 1, count);
  }
};

/// progress CKPT_DIR PROMPT: a video in out/, with at most 6 GiB on the device.
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    chitu::pipelines::EngineOptions options{.ckpt_dir = argv[1]};
    options.memory.low_mem_level.reset();  // auto: the fastest level that fits
    options.memory.vram_limit = chitu::memory::MemoryLimit{.bytes = std::int64_t{6} << 30};
    chitu::pipelines::Engine engine(options);
    const auto request = engine.complete({.prompt = argv[2], .seed = 7});
    std::filesystem::create_directories("out");
    Progress progress;
    std::stop_source stop;  // stop.request_stop(), from any thread, ends the run within a step
    engine.generate(request, {.dir = "out"}, {.observers = {&progress}, .stop = stop.get_token()});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
