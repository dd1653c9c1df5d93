#pragma once

#include "chitu_core/config/compose/compose.h"
#include "tools/chitu/job.h"

namespace chitu::tools {

/// True when the configuration itself asks for a sweep: hydra.mode=MULTIRUN.
bool asks_for_sweep(const config::Composition& composition);

/// `chitu run --multirun`: a job for every combination, in `hydra.sweep.dir`, by the launcher that
/// `hydra/launcher` names. Prints a table of the results.
///
/// Every job is composed and checked before the first starts. A failed job does not stop the
/// others. `json` is that of each RunCall. With hydra.sweep.resume=true, skips jobs that are done
/// in that folder with the same configuration. Returns 0 when every job is done, else the exit code
/// of the first that is not.
///
/// throws  InputError when a job cannot run
int run_sweep(const config::ComposeRequest& request, bool json, EngineLibrary& engine);

}  // namespace chitu::tools
