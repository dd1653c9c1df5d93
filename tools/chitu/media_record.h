#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace chitu::tools {

/// The entries `media` and `side_files` of metrics.json, by which a later run recognizes the files:
/// {"video.mp4": {"bytes": 48213, "crc32": "9ae0daaf"}}. For a folder, every file in it.
///
/// files  below `folder`
/// throws InputError naming the file that cannot be read
nlohmann::json file_record(const std::filesystem::path& folder,
                           const std::vector<std::filesystem::path>& files);

/// The record of this name in the folder's metrics.json, including files that runs before it left
/// there. Empty when there is none.
nlohmann::json earlier_record(const std::filesystem::path& folder, const std::string& name);

/// Removes the files of an earlier record, except those that changed since and those of `record`.
void remove_earlier(const std::filesystem::path& folder, const nlohmann::json& earlier,
                    const nlohmann::json& record) noexcept;

/// Whether metrics.json in the folder says that the run is done, and its media are unchanged.
bool is_done_and_whole(const std::filesystem::path& folder);

}  // namespace chitu::tools
