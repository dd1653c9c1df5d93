#pragma once

#include <cstddef>
#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "pipelines/model/request.h"
#include "tools/chitu/batch/batch_call.h"

namespace chitu::tools {

/// A job of a batch, ready to run: its request is complete and its output has a name.
struct PreparedJob {
  std::size_t index = 0;  ///< in the whole list, from 0
  std::string place;      ///< for messages: "jobs.yaml:7"
  pipelines::Request request;
  pipelines::Output output;
};

/// The name of a job's media where output.name is null.
inline constexpr const char* kDefaultJobName = "{index:04d}";

/// Fills in what a request leaves open and checks it; Engine::complete().
using CompleteRequest = std::function<pipelines::Request(const pipelines::PartialRequest&)>;

/// Binds, completes and checks every job of a list.
///
/// folder    of the batch, where the media go
/// began     when the batch was begun, for {date} and {time} in names
/// throws    InputError that begins with the place of the job: wrong types and values, sizes that
///           the model cannot do, two jobs with one name, and names that the batch itself uses
std::vector<PreparedJob> prepare_jobs(const BatchList& list, const std::filesystem::path& folder,
                                      std::time_t began, const CompleteRequest& complete);

/// "job 12 (jobs.yaml:7)".
std::string title_of(const PreparedJob& job);

}  // namespace chitu::tools
