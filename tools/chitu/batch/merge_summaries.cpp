#include "tools/chitu/batch/merge_summaries.h"

#include <algorithm>
#include <map>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "tools/chitu/batch/batch_folder.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

bool has_summary(const fs::path& folder) { return name_exists(folder / kSummaryJson); }

std::vector<fs::path> shard_folders(const fs::path& folder) {
  std::vector<fs::path> shards;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("shard-") && has_summary(entry.path()))
      shards.push_back(entry.path());
  std::sort(shards.begin(), shards.end());
  return shards;
}

}  // namespace

std::vector<fs::path> summary_folders(const fs::path& path) {
  if (const auto problem = folder_problem(path)) throw InputError(path.string() + ": " + *problem);
  // The summary beside shards is an earlier merge of them.
  auto shards = shard_folders(path);
  if (!shards.empty()) return shards;
  if (has_summary(path)) return {path};
  throw InputError(path.string() + ": has no " + kSummaryJson +
                   ", nor a folder shard-i-of-n with one; expected the folder of a batch");
}

Summary merge_summaries(const std::vector<fs::path>& folders, const fs::path& target) {
  std::map<std::size_t, SummaryRow> rows;
  std::map<std::size_t, fs::path> sources;
  Summary merged;
  for (const fs::path& folder : folders) {
    if (std::ranges::count(folders, folder) > 1)
      throw InputError(folder.string() + ": is named twice, expected each shard once");
    Summary part = read_summary(folder);
    for (SummaryRow& row : part.rows) {
      const auto [first, is_new] = sources.emplace(row.job, folder);
      if (!is_new)
        throw InputError(folder.string() + ": has job " + std::to_string(row.job) + ", as has " +
                         first->second.string() + "; expected shards of one list, each once");
      for (std::string& file : row.files) file = fs::proximate(folder / file, target).string();
      if (!row.latents.empty()) row.latents = fs::proximate(folder / row.latents, target).string();
      rows.emplace(row.job, std::move(row));
    }
    merged.list_jobs = std::max(merged.list_jobs, part.list_jobs);
    merged.windows.insert(merged.windows.end(), part.windows.begin(), part.windows.end());
  }
  for (auto& [job, row] : rows) merged.rows.push_back(std::move(row));
  return merged;
}

}  // namespace chitu::tools
