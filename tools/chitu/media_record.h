#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace chitu::tools {

/// What metrics.json says of media, by which a later run knows them again:
/// {"video.mp4": {"bytes": 48213, "crc32": "9ae0daaf"}}. Of a folder, every file in it.
///
/// files  the media, which lie below `folder`
/// throws InputError naming the file that cannot be read
nlohmann::json media_record(const std::filesystem::path& folder,
                            const std::vector<std::filesystem::path>& files);

/// The record in the folder's metrics.json, that of media which the run there found and kept
/// included; empty when there is none.
nlohmann::json earlier_record(const std::filesystem::path& folder);

/// Removes the files of an earlier record that are as that run left them, except those of `record`.
void remove_earlier(const std::filesystem::path& folder, const nlohmann::json& earlier,
                    const nlohmann::json& record) noexcept;

/// Whether the folder's metrics.json says that its run is done, and its media are as it left them.
bool is_done_and_whole(const std::filesystem::path& folder);

}  // namespace chitu::tools
