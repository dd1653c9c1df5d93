#include "tools/chitu/kept_configuration.h"

#include "chitu_core/common/temporary.h"
#include "chitu_core/config/yaml/yaml_writer.h"

namespace chitu::tools {

std::string output_subdir(const config::Composition& composition) {
  const auto view = composition.hydra().find("output_subdir");
  return view && view->node().is_string() ? view->node().as_string() : "";
}

void write_configuration(RunFolder& folder, const config::Composition& composition) {
  const std::string name = output_subdir(composition);
  if (name.empty()) return;
  const std::filesystem::path below = name;
  remove_abandoned(folder.path() / below);
  config::Map hydra;
  hydra.set("hydra", composition.root.at("hydra"));
  config::List overrides;
  for (const std::string& override : composition.task_overrides)
    overrides.push_back(config::Node::literal(override));
  folder.write(below / "config.yaml", config::to_yaml(composition.config));
  folder.write(below / "hydra.yaml", config::to_yaml(config::Node(std::move(hydra))));
  folder.write(below / "overrides.yaml", config::to_yaml(config::Node(std::move(overrides))));
}

}  // namespace chitu::tools
