#include <algorithm>
#include <filesystem>
#include <iostream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/parallel/launch.h"
#include "tools/chitu/batch/batch_list.h"
#include "tools/chitu/batch/job_source.h"
#include "tools/chitu/batch/merge_summaries.h"
#include "tools/chitu/composing_subcommand.h"
#include "tools/chitu/console.h"
#include "tools/chitu/job.h"

namespace chitu::tools {
namespace {

namespace fs = std::filesystem;

struct BatchFlags : ComposeFlags {
  std::optional<std::string> list_format;
  std::string format = "table";
  bool dry_run = false, retry_failed = false, merge = false;

  void declare(Flags& flags) {
    ComposeFlags::declare(flags);
    flags.add("--dry-run", "check everything, print the expanded list, and generate nothing",
              dry_run);
    flags.add("--retry-failed", "also try the jobs that failed before", retry_failed);
    flags.add("--list-format", "yaml|json|jsonl|csv|text",
              "format of the list; default: by its extension, or recognised on standard input",
              list_format);
    flags.add("--merge",
              "join the summaries of the folders that are named, such as those of shards", merge);
    flags.add("--format", "table|json|csv", "how to print the summary", format);
    flags.add("--json", "", "short for --format json", [this](const Words&) { format = "json"; });
  }
};

std::string the_list(const Words& paths) {
  if (paths.size() == 1) return paths.front();
  if (paths.empty())
    throw InputError(
        "chitu batch: expected a list of jobs, such as jobs.yaml, or - for standard "
        "input");
  throw InputError("chitu batch: expected one list of jobs, got " + paths[0] + " and " + paths[1]);
}

/// Standard input is read once, and not by every process of a launch.
void refuse_ranks(const std::string& list) {
  const parallel::Launch launch = parallel::read_launch();
  if (list == kStandardInput && launch.size > 1)
    throw InputError("chitu batch -: standard input is for one process, " + launch.launcher +
                     " has started " + std::to_string(launch.size) +
                     ": expected the list in a file, such as jobs.yaml");
}

/// The innermost folder that holds all of these.
fs::path common_parent(const std::vector<fs::path>& folders) {
  fs::path common = fs::absolute(folders.front()).lexically_normal().parent_path();
  const auto holds = [&](const fs::path& folder) {
    const auto below = fs::absolute(folder).lexically_normal().lexically_relative(common);
    return !below.empty() && *below.begin() != "..";
  };
  for (const fs::path& folder : folders)
    while (!holds(folder)) common = common.parent_path();
  return common;
}

/// Says what is missing. Returns the exit code.
int report_merged(const Summary& summary) {
  const std::size_t missing = summary.list_jobs - std::min(summary.list_jobs, summary.rows.size());
  const std::size_t left = summary.rows.size() - summary.count(kDone);
  if (missing + left == 0) return 0;
  std::vector<std::string> parts;
  if (left > 0) parts.push_back(std::to_string(left) + " are not done or have failed");
  if (missing > 0) parts.push_back(std::to_string(missing) + " are in none of the folders");
  std::cerr << console::label("error") << "of " << summary.list_jobs << " jobs, "
            << join(parts, " and ") << "\n";
  return exit_codes::kFailed;
}

int merge(const Words& paths, const std::string& format) {
  if (paths.empty())
    throw InputError("--merge: expected the folder of a batch with shards, or those of its shards");
  std::vector<fs::path> folders;
  for (const std::string& path : paths)
    for (const fs::path& folder : summary_folders(path)) folders.push_back(folder);
  const fs::path target = common_parent(folders);
  const Summary summary = merge_summaries(folders, target);
  write_summary(target, summary);
  std::cout << summary_text(summary, format);
  return report_merged(summary);
}

/// A batch writes below its own folder, from the folder that it is started in.
void refuse_chdir(const config::Composition& composition) {
  const auto chdir = composition.hydra().find("job.chdir");
  if (chdir && chdir->node().kind() == config::Kind::boolean && chdir->node().as_bool())
    throw InputError(
        "hydra.job.chdir=true: a batch changes to no folder, expected false; batch.dir "
        "is where it writes");
}

class Batch final : public ComposingSubcommand<BatchFlags> {
  Description describe() const override {
    return {
        SubcommandGroup::generate,
        "generate from a list of jobs, resumable at any moment",
        "Generates from a list of jobs: YAML, JSON, JSON Lines, CSV, or a prompt in every line.",
        {{"chitu batch jobs.yaml", "into batch/jobs/; repeat the command to resume"},
         {"chitu batch prompts.txt request.width=64 batch.dir=out", ""},
         {"chitu batch jobs.yaml --dry-run", "print the expanded list"},
         {"chitu batch jobs.yaml --retry-failed", ""},
         {"chitu batch jobs.csv batch.shard=1/4", "the first of four machines"},
         {"chitu batch --merge batch/jobs", "one summary for all shards"}},
        "LIST"};
  }

  int execute(const BatchFlags& options, EngineLibrary& engine) const override {
    BatchFlags flags = options;
    const Words paths = take_paths(flags.overrides);
    if (flags.merge) return merge(paths, flags.format);
    const std::string list = the_list(paths);
    refuse_ranks(list);
    BatchCall call{compose_batch(list, flags.list_format, compose_request(flags, trees())),
                   flags.format, flags.retry_failed, flags.dry_run};
    call.list.compose_flags = options.words();
    print_warnings(call.list.composition);
    refuse_python(call.list.composition);
    refuse_chdir(call.list.composition);
    const JobEnvironment environment(call.list.composition);
    return engine.run(engine_call(std::move(call)));
  }
};

CHITU_REGISTER(Subcommand, Batch, "batch");

}  // namespace
}  // namespace chitu::tools
