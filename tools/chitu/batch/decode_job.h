#pragma once

#include <filesystem>
#include <string>

#include "tools/chitu/batch/batch_call.h"
#include "tools/chitu/batch/prepared_job.h"

namespace chitu::tools {

/// The command that decodes the latents of one job outside its batch, into media of the same name
/// and formats.
std::string decode_job_command(const BatchList& list, const PreparedJob& job,
                               const std::filesystem::path& latents);

}  // namespace chitu::tools
