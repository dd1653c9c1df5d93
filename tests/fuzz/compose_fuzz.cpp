#include <cstdint>
#include <string_view>

#include "chitu_core/config/compose/compose.h"
#include "chitu_core/config/value/error.h"
#include "tests/fuzz/scratch.h"

/// Any bytes, cut at zero bytes: a primary config, the files g/a and g/b, then overrides.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chitu::config;
  const auto parts = chitu::fuzz::pieces({reinterpret_cast<const char*>(data), size}, 3);
  const char* files[] = {"config.yaml", "g/a.yaml", "g/b.yaml"};
  for (std::size_t i = 0; i < 3; ++i) chitu::fuzz::write_scratch(files[i], parts[i]);
  ComposeRequest request;
  request.search_path = {{chitu::fuzz::scratch_folder(), "main"}};
  request.config_name = "config";
  request.overrides.assign(parts.begin() + 3, parts.end());
  try {
    compose(request).resolved();
  } catch (const chitu::InputError&) {
  }
  return 0;
}
