#include "pipelines/compare/compare_source.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/io/png.h"
#include "chitu_core/io/read_video.h"

namespace chitu::pipelines {
namespace fs = std::filesystem;

namespace {

using Kind = MediaSource::Kind;
constexpr const char* kMetricsName = "metrics.json";
constexpr const char* kContactSheet = "contact_sheet.png";
constexpr const char* kExpected =
    "expected a run folder, a folder of PNGs, a PNG, a GIF, a video or a metrics.json";

/// The kind of a file by its extension; empty for one that is not a medium.
std::optional<Kind> kind_of(const fs::path& file) {
  const std::string extension = config::lower(file.extension().string());
  if (file.filename().string().ends_with(kContactSheet)) return std::nullopt;
  if (extension == ".png") return Kind::picture;
  if (extension == ".gif") return Kind::gif;
  for (const char* video : {".mp4", ".mkv", ".webm", ".mov", ".avi"})
    if (extension == video) return Kind::video;
  return std::nullopt;
}

/// Orders frame_9.png before frame_10.png: a run of digits counts by its value.
bool natural_less(const fs::path& a, const fs::path& b) {
  const auto key = [](const fs::path& path) {
    const std::string name = path.filename().string();
    const std::size_t end = name.find_last_of("0123456789");
    if (end == std::string::npos) return std::tuple(name, std::size_t{0}, std::string());
    const std::size_t before = name.find_last_not_of("0123456789", end);
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    std::string digits = name.substr(begin, end + 1 - begin);
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
    return std::tuple(name.substr(0, begin), digits.size(), digits + name.substr(end + 1));
  };
  return key(a) < key(b);
}

std::vector<fs::path> pictures_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && kind_of(entry.path()) == Kind::picture)
      files.push_back(entry.path());
  std::ranges::sort(files, natural_less);
  return files;
}

/// Adds one of a kind; two are ambiguous.
void add_media(CompareSource& source, MediaSource found) {
  for (const MediaSource& media : source.media)
    if (media.kind == found.kind)
      throw InputError(fmt::format("{}: holds both {} and {}; expected the path of one of them",
                                   source.path.string(), media.path.filename().string(),
                                   found.path.filename().string()));
  source.media.push_back(std::move(found));
}

/// The media that metrics.json lists, or those of a folder without it.
std::vector<fs::path> candidates(const CompareSource& source) {
  std::vector<fs::path> paths;
  if (source.figures) {
    for (const std::string& name : source.figures->files) paths.push_back(source.path / name);
    return paths;
  }
  for (const auto& entry : fs::directory_iterator(source.path)) paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

/// The pictures of a folder are the frames of a clip, unless a run listed them.
void find_media(CompareSource& source) {
  std::error_code ignored;
  for (const fs::path& path : candidates(source)) {
    if (fs::is_directory(path, ignored)) {
      if (!pictures_in(path).empty()) add_media(source, {Kind::frames, path});
      continue;
    }
    const auto kind = fs::is_regular_file(path, ignored) ? kind_of(path) : std::nullopt;
    const bool is_frame = kind == Kind::picture && !source.figures;
    if (kind && !is_frame) add_media(source, {*kind, path});
  }
  if (!source.figures && !pictures_in(source.path).empty())
    add_media(source, {Kind::frames, source.path});
  std::ranges::sort(source.media, {}, &MediaSource::kind);
}

CompareSource find_in_folder(const fs::path& folder) {
  CompareSource source{folder};
  if (name_exists(folder / kMetricsName)) source.figures = read_figures(folder / kMetricsName);
  find_media(source);
  if (!source.figures && source.media.empty())
    throw InputError(folder.string() + ": has no metrics.json, pictures or video; " + kExpected);
  return source;
}

at::Tensor read_pictures(const fs::path& folder) {
  std::vector<at::Tensor> frames;
  for (const fs::path& file : pictures_in(folder)) {
    frames.push_back(io::read_png(file));
    if (frames.back().sizes() != frames.front().sizes())
      throw InputError(fmt::format("{}: expected {}x{} pixels as the first frame has, got {}x{}",
                                   file.string(), frames[0].size(1), frames[0].size(0),
                                   frames.back().size(1), frames.back().size(0)));
  }
  if (frames.empty()) throw InputError(folder.string() + ": has no PNG");
  return at::stack(frames);
}

}  // namespace

CompareSource find_source(const fs::path& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) throw InputError(path.string() + ": no such file or folder");
  if (fs::is_directory(status)) return find_in_folder(path);
  CompareSource source{path};
  if (path.extension() == ".json")
    source.figures = read_figures(path);
  else if (const auto kind = kind_of(path))
    source.media.push_back({*kind, path});
  else
    throw InputError(path.string() + ": " + kExpected);
  return source;
}

at::Tensor read_frames(const MediaSource& media) {
  switch (media.kind) {
    case Kind::frames:
      return read_pictures(media.path);
    case Kind::picture:
      return io::read_png(media.path).unsqueeze(0);
    case Kind::gif:
    case Kind::video:
      return io::read_video(media.path).frames;
  }
  return {};
}

std::optional<std::pair<MediaSource, MediaSource>> media_pair(const CompareSource& a,
                                                              const CompareSource& b) {
  if (a.media.empty() || b.media.empty()) return std::nullopt;
  for (const MediaSource& ours : a.media)
    for (const MediaSource& theirs : b.media)
      if (ours.kind == theirs.kind) return std::pair(ours, theirs);
  return std::pair(a.media.front(), b.media.front());
}

}  // namespace chitu::pipelines
