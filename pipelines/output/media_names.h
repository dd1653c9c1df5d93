#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// The longest name of a file or folder on the file systems of Linux, in bytes.
inline constexpr std::size_t kLongestName = 255;

/// Where a run keeps its latents while it decodes them, below the folder of the media.
inline constexpr const char* kLatentsName = "latents.safetensors";

/// One of the media of a run: its path below Output::dir.
struct MediaName {
  std::string name;
  bool is_folder = false;  ///< holds frame_0000.png and so on
};

/// The name of the media in this format: video.mp4, video.gif, image.png or frames; with
/// Output::name it is that name and the extension, and the folder of frames has none.
MediaName media_name(const Output& output, OutputFormat format);

/// The contact sheet: contact_sheet.png, or NAME-contact_sheet.png.
std::string contact_sheet_name(const Output& output);

/// Everything that is saved for this output: the formats in their order, then the contact sheet.
std::vector<MediaName> media_names(const Output& output);

/// Whether a path below the folder of a run is what runs without Output::name write there.
bool is_default_media(const std::filesystem::path& path);

/// Whether a file in the folder of frames is one that a run writes: frame_0000.png and so on.
bool is_frame_name(std::string_view name);

/// Checks that Output::name is one name below the folder, and that no name is longer than `longest`
/// bytes.
///
/// throws  InputError naming output.name
void check_media_names(const Output& output, std::size_t longest = kLongestName);

}  // namespace chitu::pipelines
