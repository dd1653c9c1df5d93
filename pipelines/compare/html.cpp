#include "pipelines/compare/html.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/utf8.h"
#include "chitu_core/io/base64.h"
#include "chitu_core/io/png.h"
#include "pipelines/compare/comparison_text.h"

namespace chitu::pipelines::html {
namespace {

/// Pixels; smaller pictures are enlarged to about this width.
constexpr std::int64_t kShownWidth = 256;

constexpr const char* kStyle = R"(
body { font: 14px/1.4 sans-serif; margin: 2em auto; max-width: 80em; padding: 0 1em; color: #1c1c1c; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; border-top: 1px solid #ccc; padding-top: 1em; }
table { border-collapse: collapse; margin: 0.7em 0; }
th, td { border: 1px solid #ccc; padding: 0.25em 0.6em; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { background: #f2f2f2; }
figure { display: inline-block; margin: 0.4em 0.8em 0.4em 0; vertical-align: top; }
figcaption { font-size: 0.85em; color: #555; }
img { image-rendering: pixelated; border: 1px solid #ccc; }
.pass { color: #1a7f37; } .fail { color: #b3261e; font-weight: bold; } .note { color: #8a6100; }
.scroll { overflow-x: auto; }
)";

constexpr std::string_view kNoCharacter = "\uFFFD";  // stands for bytes that are not UTF-8

/// XML has no control characters but tab and line feed.
std::string_view escaped_character(std::string_view character) {
  switch (const char c = character.front()) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t' ? character : "";
  }
}

std::string difference_text(const FrameDifference& frame) {
  if (frame.identical()) return "no difference";
  std::string text =
      fmt::format("difference x {}: {} pixels, PSNR {}", 255 / frame.largest_difference,
                  frame.differing_pixels, psnr_text(frame.psnr_db));
  if (frame.ssim) text += fmt::format(", SSIM {:.4f}", *frame.ssim);
  return text;
}

std::string frame_pair(const ClipPair& clips, std::size_t i) {
  const auto index = static_cast<std::int64_t>(i);
  const std::int64_t number = clips.numbers.empty() ? index : clips.numbers[i];
  const at::Tensor a = clips.a[index], b = clips.b[index];
  return fmt::format("<div class=\"frame\" data-frame=\"{}\">\n", number) +
         picture(a, fmt::format("frame {}, {}", number, clips.name_a)) +
         picture(b, fmt::format("frame {}, {}", number, clips.name_b)) +
         picture(difference_picture(a, b), difference_text(clips.frames[i])) + "</div>\n";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = character_size(text, at);
    result += size == 0 ? kNoCharacter : escaped_character(text.substr(at, size));
    at += std::max<std::size_t>(1, size);
  }
  return result;
}

std::string page(std::string_view title, std::string_view body) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n"
      "<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n{2}</body>\n</html>\n",
      escaped(title), kStyle, body);
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::string text = "<div class=\"scroll\"><table>\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const char* cell = i == 0 ? "th" : "td";
    text += "<tr>";
    for (const std::string& value : rows[i])
      text += fmt::format("<{0}>{1}</{0}>", cell, escaped(value));
    text += "</tr>\n";
  }
  return text + "</table></div>\n";
}

std::string picture(const at::Tensor& image, std::string_view caption) {
  const std::int64_t factor = std::max<std::int64_t>(1, kShownWidth / image.size(1));
  return fmt::format(
      "<figure><img width=\"{}\" height=\"{}\" alt=\"{}\" src=\"data:image/png;base64,{}\">"
      "<figcaption>{}</figcaption></figure>\n",
      image.size(1) * factor, image.size(0) * factor, escaped(caption),
      io::encode_base64(io::png_bytes(image, "picture of a page")), escaped(caption));
}

std::string frame_pairs(const ClipPair& clips, std::size_t most) {
  std::string text;
  for (const std::size_t i : worst_frames(clips.frames, most)) text += frame_pair(clips, i);
  if (clips.frames.size() > most)
    text += fmt::format("<p class=\"note\">{} more frames differ less or not at all.</p>\n",
                        clips.frames.size() - most);
  return text;
}

}  // namespace chitu::pipelines::html
