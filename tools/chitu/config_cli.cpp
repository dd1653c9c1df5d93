#include <iostream>
#include <string>
#include <vector>

#include "tools/chitu/config_command.h"

/// `chitu config` on its own, for the tests of the configuration engine.
int main(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  if (!args.empty() && args[0] == "config") args.erase(args.begin());
  return chitu::tools::config_command(args, std::cout, std::cerr);
}
