#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/config/compose.h"
#include "tools/chitu/engine_commands.h"

namespace chitu::tools {

/// Carries out a call in the engine library; returns the exit code, or throws what failed.
using EngineRunner = std::function<int(const EngineCall&)>;

/// Prints what composes but is probably not meant.
void print_warnings(const config::Composition& composition);

/// Throws InputError for parts of the `hydra` node that only Python could carry out.
void refuse_python(const config::Composition& composition);

/// The environment variables of `hydra.job.env_set`, for as long as this lives.
class JobEnvironment {
 public:
  explicit JobEnvironment(const config::Composition& composition);
  ~JobEnvironment();
  JobEnvironment(const JobEnvironment&) = delete;
  JobEnvironment& operator=(const JobEnvironment&) = delete;

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

/// Whether an override gives this key, such as `hydra.run.dir`. A folder that the user named is
/// used as it is; a default one is never shared.
bool names_folder(const config::Composition& composition, const std::string& key);

/// A folder that the hydra node names, such as run.dir.
///
/// throws  InputError when it is empty, or refers to what only the jobs of a sweep have
std::filesystem::path folder_of(const config::Composition& composition, const std::string& key);

/// Sets `hydra.runtime.output_dir` to the folder that a run would write, for what only plans one.
///
/// throws  InputError as folder_of() does
void name_output_folder(config::Composition& composition);

/// `chitu run` without a sweep: one job in `hydra.run.dir`.
int run_once(config::Composition composition, const EngineRunner& engine);

}  // namespace chitu::tools
