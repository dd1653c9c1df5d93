#include <cstdio>
#include <exception>

#include "chitu/bind.h"

struct Training {
  int steps = 0;
  double learning_rate = 0;

  void bind(chitu::config::Binder& binder) {
    binder.field("steps", steps, chitu::config::at_least(1), "how many");
    binder.field("learning_rate", learning_rate, "of the optimizer");
  }
};

/// Composes DIR/train.yaml with the overrides of the command line.
int main(int argc, char** argv) {
  try {
    chitu::config::ComposeRequest request;
    request.search_path.push_back({argv[1]});
    request.config_name = "train";
    request.overrides.assign(argv + 2, argv + argc);
    const auto composed = chitu::config::compose(request);
    const auto training = chitu::config::read<Training>(composed.view());
    std::printf("%d steps at %g\n", training.steps, training.learning_rate);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
