#include <ATen/ATen.h>
#include <fmt/format.h>

#include "chitu_core/common/error.h"
#include "chitu_core/io/picture/read_picture.h"
#include "chitu_core/io/picture/resize.h"
#include "chitu_core/io/safetensors.h"
#include "tests/support/catch.h"

namespace chitu::io {
namespace {

const std::filesystem::path kPictures = std::filesystem::path(CHITU_TEST_DATA) / "io" / "pictures";

TEST_CASE("a resized picture has the bits of Pillow's, with each filter and size", "[io][parity]") {
  const SafetensorsFile pillow(kPictures / "pillow.safetensors");
  const at::Tensor picture = read_picture(kPictures / "rgb.png");
  const std::pair<const char*, Resampling> filters[] = {
      {"nearest", Resampling::nearest},   {"lanczos", Resampling::lanczos},
      {"bilinear", Resampling::bilinear}, {"bicubic", Resampling::bicubic},
      {"box", Resampling::box},           {"hamming", Resampling::hamming}};
  const std::pair<std::int64_t, std::int64_t> sizes[] = {{23, 17}, {23, 40}, {61, 17}, {7, 5},
                                                         {64, 48}, {5, 33},  {1, 1},   {30, 8},
                                                         {20, 5},  {19, 9},  {18, 6}};
  for (const auto& [name, filter] : filters)
    for (const auto& [width, height] : sizes) {
      const std::string key = fmt::format("{}.{}x{}", name, width, height);
      INFO(key);
      CHECK(at::equal(resize_picture(picture, height, width, filter), pillow.tensor(key)));
    }
}

TEST_CASE("resizing takes pictures of bytes and sizes above zero", "[io]") {
  const at::Tensor picture = at::zeros({4, 4, 3}, at::kByte);
  CHECK_THROWS_AS(resize_picture(picture.to(at::kFloat), 2, 2, Resampling::lanczos), ShapeError);
  CHECK_THROWS_AS(resize_picture(picture, 0, 2, Resampling::lanczos), ShapeError);
}

}  // namespace
}  // namespace chitu::io
