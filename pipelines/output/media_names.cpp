#include "pipelines/output/media_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/common/utf8.h"

namespace chitu::pipelines {
namespace {

constexpr const char* kFramesFolder = "frames";
constexpr const char* kContactSheet = "contact_sheet.png";

/// The name without Output::name.
std::string default_name(OutputFormat format) {
  switch (format) {
    case OutputFormat::mp4:
      return "video.mp4";
    case OutputFormat::gif:
      return "video.gif";
    case OutputFormat::png:
      return "image.png";
    case OutputFormat::frames:
      return kFramesFolder;
  }
  return "";
}

std::string extension_of(OutputFormat format) {
  return std::filesystem::path(default_name(format)).extension().string();
}

}  // namespace

MediaName media_name(const Output& output, OutputFormat format) {
  return {output.name.empty() ? default_name(format) : output.name + extension_of(format),
          format == OutputFormat::frames};
}

std::string contact_sheet_name(const Output& output) {
  return output.name.empty() ? kContactSheet : output.name + "-" + kContactSheet;
}

std::vector<MediaName> media_names(const Output& output) {
  std::vector<MediaName> names;
  for (const OutputFormat format : output.formats) names.push_back(media_name(output, format));
  if (output.contact_sheet) names.push_back({contact_sheet_name(output)});
  return names;
}

bool is_default_media(const std::filesystem::path& path) {
  const std::string first = path.empty() ? "" : path.begin()->string();
  if (first == kContactSheet) return true;
  for (const auto format :
       {OutputFormat::mp4, OutputFormat::gif, OutputFormat::png, OutputFormat::frames})
    if (first == default_name(format)) return true;
  return false;
}

bool is_frame_name(std::string_view name) {
  constexpr std::string_view kBegin = "frame_", kEnd = ".png";
  if (!name.starts_with(kBegin) || !name.ends_with(kEnd)) return false;
  const auto number = name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
  return number.size() >= 4 && number.find_first_not_of("0123456789") == std::string_view::npos;
}

void check_media_names(const Output& output, std::size_t longest) {
  const auto refuse = [](const std::string& name, const std::string& problem) {
    throw InputError("output.name: " + one_line(shortened(name, 80)) + ": " + problem);
  };
  const bool is_path =
      output.name.find('/') != std::string::npos || output.name.find('\0') != std::string::npos;
  if (is_path || output.name == "." || output.name == "..")
    refuse(output.name,
           "expected a name without slashes; the folder is hydra.run.dir, of a batch batch.dir");
  for (const MediaName& media : media_names(output))
    if (media.name.size() > longest)
      refuse(media.name, fmt::format("has {} bytes, expected at most {}; cut a text, as in "
                                     "{{prompt:.40}}",
                                     media.name.size(), longest));
}

}  // namespace chitu::pipelines
