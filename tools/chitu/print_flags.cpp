#include "tools/chitu/print_flags.h"

namespace chitu::tools {

void PrintFlags::declare_printing(Flags& flags) {
  flags.add({"--multirun", "-m"}, "a job for every combination of a sweep (a=1,2)", multirun);
  flags.add({"--cfg", "-c"}, "job|hydra|all", "print this part of the configuration", cfg);
  flags.add("--resolve", "resolve interpolations in what is printed", resolve);
  flags.add({"--package", "-p"}, "KEY", "print only what is below this key", package);
  flags.add({"--info", "-i"}, "[all|config|defaults|defaults-tree|searchpath]",
            "show how the configuration is composed", info);
  flags.add("--explain", "KEY", "show every file and override that set the key", explain);
  flags.add("--origin", "print each value with the place it comes from", origin);
  flags.add("--diff", "FILE", "compare with a saved configuration", diff);
  flags.add("--hydra-help", "list the groups of the hydra node", hydra_help);
}

void ConfigFlags::declare(Flags& flags) {
  ComposeFlags::declare(flags);
  declare_printing(flags);
  flags.add("--format", "yaml|json", "how to print it", format);
  flags.add("--json", "", "short for --format json",
            [this](const Flags::Words&) { format = "json"; });
  flags.add("--parse-override", "TEXT", "show how an override is read", parse_override);
  flags.add("--file", "FILE", "read one YAML file instead of composing", file);
  flags.add("--merge", "FILE", "merge this file over that of --file", merge);
}

}  // namespace chitu::tools
