#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/config/compose/compose.h"
#include "tools/chitu/engine_library.h"
#include "tools/chitu/run_call.h"

namespace chitu::tools {

/// Prints the warnings of composing.
void print_warnings(const config::Composition& composition);

/// Throws InputError for parts of the `hydra` node that need Python.
void refuse_python(const config::Composition& composition);

/// Sets the environment variables of `hydra.job.env_set` while it lives.
class JobEnvironment {
 public:
  explicit JobEnvironment(const config::Composition& composition);
  ~JobEnvironment();
  JobEnvironment(const JobEnvironment&) = delete;
  JobEnvironment& operator=(const JobEnvironment&) = delete;

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

/// Whether an override sets this key, such as `hydra.run.dir`. A folder that the user names may
/// exist already; a default one must be new.
bool names_folder(const config::Composition& composition, const std::string& key);

/// A folder that the hydra node names, such as run.dir.
///
/// throws  InputError when it is empty, or uses a key that only jobs of a sweep have
std::filesystem::path folder_of(const config::Composition& composition, const std::string& key);

/// Prints the warnings of composing, and sets `hydra.runtime.output_dir` to the folder of a run
/// without a sweep. Returns the folder, absolute.
///
/// throws  InputError as folder_of() does
std::filesystem::path prepare_single(config::Composition& composition);

/// `chitu run` without a sweep, or `chitu decode`: one job in `hydra.run.dir`.
///
/// call  without its folder
int run_once(RunCall call, EngineLibrary& engine);

/// A call about a run that does not take place: its configuration means what it means in the run.
template <class Call>
int look_ahead(Call call, EngineLibrary& engine) {
  prepare_single(call.composition);
  const JobEnvironment environment(call.composition);
  return engine.run(engine_call(std::move(call)));
}

}  // namespace chitu::tools
