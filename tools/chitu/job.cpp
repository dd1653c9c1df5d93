#include "tools/chitu/job.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "chitu_core/common/error.h"
#include "chitu_core/config/interpolate/evaluate.h"
#include "chitu_core/config/value/text.h"
#include "tools/chitu/console.h"
#include "tools/chitu/run_call.h"
#include "tools/chitu/run_folder.h"

namespace chitu::tools {
namespace fs = std::filesystem;

void print_warnings(const config::Composition& composition) {
  if (console::is_quiet() || !console::is_first_rank()) return;
  for (const std::string& warning : composition.warnings)
    std::cerr << console::label("warning") + warning + "\n";
}

void refuse_python(const config::Composition& composition) {
  const config::Node* callbacks = composition.root.find("hydra.callbacks");
  if (callbacks && callbacks->is_map() && !callbacks->map().empty())
    throw InputError("hydra.callbacks." + callbacks->map().begin()->key.text +
                     ": callbacks are Python classes, which chitu cannot call; expected none");
}

JobEnvironment::JobEnvironment(const config::Composition& composition) {
  const auto found = composition.hydra().find("job.env_set");
  const config::Node values = found ? found->resolved() : config::Node();
  if (!values.is_map()) return;
  for (const config::Entry& entry : values.map()) {
    const char* old = std::getenv(entry.key.text.c_str());
    before_.emplace_back(entry.key.text, old ? std::optional<std::string>(old) : std::nullopt);
    ::setenv(entry.key.text.c_str(), config::python_text(entry.value).c_str(), 1);
  }
}

JobEnvironment::~JobEnvironment() {
  for (const auto& [name, value] : before_) {
    if (value)
      ::setenv(name.c_str(), value->c_str(), 1);
    else
      ::unsetenv(name.c_str());
  }
}

bool names_folder(const config::Composition& composition, const std::string& key) {
  for (const std::string& override : composition.hydra_overrides)
    if (override.find(key + "=") != std::string::npos) return true;
  return false;
}

fs::path folder_of(const config::Composition& composition, const std::string& key) {
  const config::View view = composition.hydra()[key];
  const config::Node& written = view.written();
  const auto refuse = [&](const std::string& problem) {
    throw config::ConfigError(written.origin(), "hydra." + key, problem);
  };
  const config::Node* folder = &written;
  try {
    folder = &view.node();
  } catch (const config::MissingValueError&) {
    refuse(written.text() +
           " needs a value that is not set here; hydra.job.num and hydra.job.id are only those of "
           "the jobs of a sweep");
  }
  // An interpolation may bring a number, which is text in a path.
  const bool is_value = !folder->is_container() && !folder->is_null() && !folder->is_missing();
  const std::string text = is_value ? config::python_text(*folder) : "";
  if (text.empty()) refuse("expected a folder, got " + config::show(*folder));
  return text;
}

fs::path prepare_single(config::Composition& composition) {
  print_warnings(composition);
  fs::path folder = fs::absolute(folder_of(composition, "run.dir"));
  set_output_folder(composition, folder);
  return folder;
}

int run_once(RunCall call, EngineLibrary& engine) {
  refuse_python(call.composition);
  call.folder = prepare_single(call.composition);
  call.own_folder = !names_folder(call.composition, "hydra.run.dir");
  const JobEnvironment environment(call.composition);
  return engine.run(engine_call(std::move(call)));
}

}  // namespace chitu::tools
