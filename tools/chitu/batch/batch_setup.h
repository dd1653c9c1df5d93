#pragma once

#include <span>
#include <string>

#include "pipelines/engine.h"
#include "pipelines/settings/settings.h"
#include "tools/chitu/batch/batch_call.h"
#include "tools/chitu/batch/batch_folder.h"
#include "tools/chitu/batch/prepared_job.h"
#include "tools/chitu/batch/shard.h"

namespace chitu::tools {

/// The settings of a batch, with the request of its first job.
///
/// throws  config::ConfigErrors; InputError for settings that a batch does not obey
pipelines::Settings read_batch_settings(const BatchList& list);

/// The part of the list that this process, or its group of ranks, does: batch.shard, or what the
/// environment says.
///
/// throws  InputError
Shard shard_of(const pipelines::Settings& settings);

/// The folders of the batch, or those of its shard.
///
/// stem    of the list
/// throws  InputError for an empty batch.dir or batch.spill_dir
BatchPlaces places_of(const pipelines::BatchSettings& settings, const std::string& stem,
                      const Shard& shard);

/// Checks that what waits between the stages fits batch.spill_limit in every window. Does nothing
/// without a limit.
///
/// throws  InputError
void check_spill_limit(const pipelines::Settings& settings,
                       std::span<const PreparedJob* const> jobs);

/// Checks that a plan fits every job; each size is planned once. Does nothing for an engine that
/// plans nothing.
///
/// throws  OutOfMemoryError that begins with the job
void check_job_plans(pipelines::Engine& engine, std::span<const PreparedJob* const> jobs);

}  // namespace chitu::tools
