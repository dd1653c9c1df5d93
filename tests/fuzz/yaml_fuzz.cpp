#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "chitu_core/config/interpolate/view.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/yaml/loader.h"
#include "chitu_core/config/yaml/yaml_writer.h"

/// Any bytes as a YAML file: read or refused; printed, it reads as the same tree; its
/// interpolations resolve or are refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chitu::config;
  try {
    const Node root = parse_yaml({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
    if (to_yaml(parse_yaml(to_yaml(root), "again.yaml")) != to_yaml(root)) std::abort();
    resolve(root);
  } catch (const ConfigError&) {
  }
  return 0;
}
