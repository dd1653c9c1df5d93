#include "pipelines/composition/shipped_configs.h"

#include <dlfcn.h>

#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/config/interpolate/resolvers.h"
#include "chitu_core/config/value/error.h"

namespace chitu::pipelines {
namespace fs = std::filesystem;

namespace {

/// The shared library that this function is in, behind all links.
fs::path this_library() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&data_folder), &info) == 0 || !info.dli_fname)
    throw Error("cannot find the file of the library that holds chitu's configurations");
  return fs::canonical(info.dli_fname);
}

fs::path find_data_folder() {
  const fs::path library = this_library();
  for (fs::path above = library.parent_path(); above.has_relative_path();
       above = above.parent_path()) {
    for (const fs::path& folder : {above, above / "share" / "chitu"})
      if (fs::exists(folder / "config" / "chitu.yaml")) return folder;
  }
  throw Error("cannot find chitu's folder config/ above " + library.string());
}

}  // namespace

fs::path data_folder() {
  static const fs::path found = find_data_folder();
  return found;
}

void register_chitu_resolver() {
  config::register_resolver(
      "chitu",
      [](const config::ResolverCall& call) {
        const std::string name = call.arguments.size() == 1 && call.arguments[0].is_string()
                                     ? call.arguments[0].as_string()
                                     : "";
        if (name != "assets" && name != "config")
          throw config::ConfigError("expected ${chitu:assets} or ${chitu:config}");
        return config::Node::literal((data_folder() / name).string());
      },
      config::Caching::by_arguments, true);
}

}  // namespace chitu::pipelines
