#include "chitu_core/io/picture/read_picture.h"

#include <ATen/ATen.h>

#include <set>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/picture/orientation.h"
#include "chitu_core/io/safetensors.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/catch.h"

namespace chitu::io {
namespace {

using Catch::ContainsSubstring;

const std::filesystem::path kPictures = std::filesystem::path(CHITU_TEST_DATA) / "io" / "pictures";

std::int64_t largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kInt) - b.to(at::kInt)).abs().max().item<std::int64_t>();
}

TEST_CASE("pictures of every kind have the pixels that Pillow reads", "[io][parity]") {
  const SafetensorsFile pillow(kPictures / "pillow.safetensors");
  std::set<std::string> kinds;
  for (const auto& entry : std::filesystem::directory_iterator(kPictures)) {
    const std::string name = entry.path().filename().string();
    if (name == "pillow.safetensors") continue;
    INFO(name);
    const at::Tensor expected = pillow.tensor(name), read = read_picture(entry.path());
    REQUIRE(read.sizes() == expected.sizes());
    CHECK(read.is_contiguous());
    CHECK(largest_difference(read, expected) == 0);
    kinds.insert(entry.path().extension());
  }
  CHECK(kinds == std::set<std::string>{".jpg", ".png", ".webp"});
}

TEST_CASE("a picture that is cut off is an error, wherever it ends", "[io]") {
  const ScratchFolder folder("cut_picture");
  for (const char* name : {"rgb.png", "rgb.jpg", "progressive.jpg", "rgb.webp", "animated.webp"}) {
    const std::string whole = read_file(kPictures / name);
    for (const std::size_t kept : {whole.size() / 4, whole.size() / 2, whole.size() * 3 / 4}) {
      INFO(name << " " << kept);
      write_file(folder / name, std::string_view(whole).substr(0, kept));
      CHECK_THROWS_WITH(read_picture(folder / name),
                        ContainsSubstring(std::string(name) + ": cannot read the picture: "));
    }
  }
}

TEST_CASE("what is not a picture is named with the kinds that are read", "[io]") {
  const ScratchFolder folder("no_picture");
  write_file(folder / "a.png", "GIF89a, once");
  CHECK_THROWS_WITH(read_picture(folder / "a.png"),
                    ContainsSubstring("a.png: is not a PNG, JPEG or WebP file"));
  write_file(folder / "b.png", "");
  CHECK_THROWS_WITH(read_picture(folder / "b.png"),
                    ContainsSubstring("b.png: is empty, expected a PNG, JPEG or WebP file"));
  CHECK_THROWS_WITH(read_picture(folder / "c.png"),
                    ContainsSubstring("c.png: No such file or directory"));
  CHECK_THROWS_AS(read_picture(folder.path()), InputError);
}

TEST_CASE("a picture that is too large is refused before its pixels are read", "[io]") {
  std::string bytes = read_file(kPictures / "rgb.png");
  bytes.replace(16, 8, std::string("\0\0\x7f\xff\0\0\x7f\xff", 8));  // width and height
  bytes.replace(29, 4, std::string("\x2e\x8c\x1a\x4b", 4));          // of the changed header
  CHECK_THROWS_WITH(decode_picture(bytes, "x.png"), ContainsSubstring("x.png: "));
}

TEST_CASE("damaged Exif data count as none", "[io]") {
  const std::string exif("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 26);
  CHECK(orientation_of(exif, "") == 6);
  for (std::size_t kept = 0; kept < 20; ++kept) {
    INFO(kept);
    CHECK(orientation_of(exif.substr(0, kept), "") == 1);
  }
  CHECK(orientation_of("", "<tiff:Orientation>3</tiff:Orientation>") == 3);
  CHECK(orientation_of(exif, "tiff:Orientation=\"3\"") == 6);
}

}  // namespace
}  // namespace chitu::io
