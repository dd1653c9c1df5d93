#include "tools/chitu/batch/batch_folder.h"

#include <algorithm>
#include <array>

#include "pipelines/settings/batch_settings.h"
#include "tools/chitu/batch/journal.h"

namespace chitu::tools {

bool is_batch_file(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames{
      kJournalName, kJobsName, kSummaryJson,
      kSummaryCsv,  kBatchLog, pipelines::BatchSettings::kSpillFolder};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         name.starts_with("shard-") || name == ".hydra";
}

}  // namespace chitu::tools
