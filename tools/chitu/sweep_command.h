#pragma once

#include "chitu_core/config/compose/compose.h"
#include "tools/chitu/job.h"

namespace chitu::tools {

/// True when the configuration itself asks for a sweep: hydra.mode=MULTIRUN.
bool asks_for_sweep(const config::Composition& composition);

/// `chitu run --multirun`: a job for every combination, in `hydra.sweep.dir`, by the launcher that
/// `hydra/launcher` names, and a table of how they went.
///
/// Every job is composed and checked before the first starts. A failed job does not stop the
/// others. With hydra.sweep.resume=true, jobs that are done in that folder under the same
/// configuration are skipped. Returns 0 when every job is done, else the code of the first that is
/// not.
///
/// throws  InputError for a sweep in which some job cannot run
int run_sweep(const config::ComposeRequest& request, EngineLibrary& engine);

}  // namespace chitu::tools
