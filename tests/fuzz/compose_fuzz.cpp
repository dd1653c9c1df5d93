#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/config/compose.h"
#include "chitu_core/config/error.h"

/// Any bytes, cut at zero bytes: a primary config, the files g/a and g/b, then overrides.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chitu::config;
  namespace fs = std::filesystem;
  std::vector<std::string> parts(1);
  for (const char c : std::string_view(reinterpret_cast<const char*>(data), size)) {
    if (c == '\0')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  parts.resize(std::max<std::size_t>(parts.size(), 3));
  static const fs::path tree = [] {
    std::string name = (fs::temp_directory_path() / "chitu_fuzz_XXXXXX").string();
    fs::path made = mkdtemp(name.data());
    fs::create_directories(made / "g");
    return made;
  }();
  const char* files[] = {"config.yaml", "g/a.yaml", "g/b.yaml"};
  for (std::size_t i = 0; i < 3; ++i) std::ofstream(tree / files[i]) << parts[i];
  ComposeRequest request;
  request.search_path = {{tree, "main"}};
  request.config_name = "config";
  request.overrides.assign(parts.begin() + 3, parts.end());
  try {
    compose(request).resolved();
  } catch (const chitu::InputError&) {
  }
  return 0;
}
