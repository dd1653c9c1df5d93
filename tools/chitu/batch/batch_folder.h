#pragma once

#include <filesystem>
#include <string_view>

namespace chitu::tools {

/// Where a batch writes.
struct BatchPlaces {
  std::filesystem::path folder;  ///< the media, the journal and the summary
  std::filesystem::path spill;   ///< what waits between the stages
};

/// Names in the folder of a batch, beside the media.
inline constexpr const char* kJobsName = "jobs.jsonl";  ///< the expanded list
inline constexpr const char* kSummaryJson = "summary.json";
inline constexpr const char* kSummaryCsv = "summary.csv";
inline constexpr const char* kBatchLog = "batch.log";

/// Whether media cannot have this name: it is one of the above, or that of a shard.
bool is_batch_file(std::string_view name);

}  // namespace chitu::tools
