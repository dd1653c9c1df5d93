#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"

/// config_bench DIR NAME COUNT [OVERRIDE...]: composes COUNT times and prints the median in
/// microseconds. Used by config.py.
int main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  if (argc < 4) {
    std::cerr << "usage: config_bench DIR NAME COUNT [OVERRIDE...]\n";
    return 2;
  }
  chitu::config::ComposeRequest request;
  request.search_path = {{argv[1], "main"}};
  request.config_name = argv[2];
  request.overrides.assign(argv + 4, argv + argc);
  std::vector<double> elapsed_us;
  for (int i = 0; i < std::stoi(argv[3]); ++i) {
    const auto start = Clock::now();
    const chitu::config::Composition composed = compose(request);
    const auto end = Clock::now();
    if (composed.config.map().empty()) return 1;
    elapsed_us.push_back(std::chrono::duration<double, std::micro>(end - start).count());
  }
  std::nth_element(elapsed_us.begin(), elapsed_us.begin() + elapsed_us.size() / 2,
                   elapsed_us.end());
  std::cout << elapsed_us[elapsed_us.size() / 2] << '\n';
}
