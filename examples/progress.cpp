#include <csignal>
#include <cstdio>
#include <thread>

#include "chitu/chitu.h"

/// Asks for a stop when Ctrl-C is pressed.
void stop_at_interrupt(std::stop_source source) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // threads that start later inherit it
  std::thread([signals, source]() mutable {
    int signal = 0;
    sigwait(&signals, &signal);
    source.request_stop();
  }).detach();
}

/// progress CKPT_DIR PROMPT: a video in progress.mp4, with at most 6 GiB on the device.
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::stop_source stop;
  stop_at_interrupt(stop);
  try {
    chitu::EngineOptions options{.ckpt_dir = argv[1]};
    options.memory.low_mem_level.reset();  // auto: the fastest level that fits
    options.memory.vram_limit = chitu::MemoryLimit{.bytes = std::int64_t{6} << 30};
    chitu::Engine engine(options);

    chitu::RunOptions run{.stop = stop.get_token()};
    run.on_stage_begin = [](std::string_view stage) {
      std::printf("%.*s\n", static_cast<int>(stage.size()), stage.data());
    };
    run.on_step = [](const chitu::Step& step) {
      std::printf("step %d of %d\n", step.index + 1, step.count);
    };
    engine.generate({.prompt = argv[2], .seed = 7}, run).save("progress.mp4");
    return 0;
  } catch (const chitu::Interrupted&) {
    std::fprintf(stderr, "cancelled\n");
    return 130;
  } catch (const chitu::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
