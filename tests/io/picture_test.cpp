#include <ATen/ATen.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/contact_sheet.h"
#include "chitu_core/io/png.h"
#include "tests/io/full_disk.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/catch.h"
#include "tests/support/read_png.h"

namespace chitu::io {
namespace {

at::Tensor noise(at::IntArrayRef shape) {
  return at::randint(0, 256, shape, at::TensorOptions(at::kByte));
}

TEST_CASE("a PNG that was written reads back unchanged", "[io]") {
  const ScratchFolder folder("png");
  const at::Tensor image = noise({5, 7, 3});
  write_png(folder / "x.png", image);
  CHECK(at::equal(testing::read_png(folder / "x.png"), image));
  const at::Tensor strided = noise({3, 7, 5}).permute({2, 1, 0});
  write_png(folder / "x.png", strided);
  CHECK(at::equal(testing::read_png(folder / "x.png"), strided));
  CHECK(folder.files() == 1);
}

TEST_CASE("a PNG is read as RGB, and named when it cannot be", "[io]") {
  const ScratchFolder folder("read_png");
  const at::Tensor image = noise({5, 7, 3});
  write_png(folder / "x.png", image);
  CHECK(at::equal(read_png(folder / "x.png"), image));
  write_file(folder / "cut.png", read_file(folder / "x.png").substr(0, 60));
  CHECK_THROWS_WITH(read_png(folder / "cut.png"),
                    Catch::ContainsSubstring("cut.png: cannot read: "));
  CHECK_THROWS_WITH(read_png(folder / "none.png"), Catch::ContainsSubstring("No such file"));
}

TEST_CASE("the error about an unwritable PNG names it", "[io]") {
  const ScratchFolder folder("png_errors");
  CHECK_THROWS_WITH(
      write_png(folder / "x.png", at::zeros({2, 2, 3})),
      Catch::ContainsSubstring("x.png: expected uint8 [H, W, 3], got Float [2, 2, 3]"));
  CHECK_THROWS_AS(write_png(folder / "x.png", noise({2, 2})), ShapeError);
  {
    const FullDisk full(1000);
    CHECK_THROWS_WITH(write_png(folder / "x.png", noise({64, 64, 3})),
                      Catch::ContainsSubstring("x.png: cannot write: File too large"));
  }
  CHECK(folder.files() == 0);
}

TEST_CASE("a contact sheet shows the frames in reading order, tiny ones enlarged", "[io]") {
  const at::Tensor clip = noise({5, 8, 8, 3});
  const at::Tensor sheet = contact_sheet(clip, {25, 20, 480, 2});
  // Enlarged threefold; three columns and two rows with gaps of two.
  REQUIRE(sheet.sizes() == at::IntArrayRef({2 + 2 * 26, 2 + 3 * 26, 3}));
  const at::Tensor fifth = sheet.slice(0, 28, 52, 3).slice(1, 28, 52, 3);
  CHECK(at::equal(fifth, clip[4]));
}

TEST_CASE("a contact sheet reduces large frames and picks from long clips", "[io]") {
  at::Tensor clip = at::zeros({100, 6, 9, 3}, at::kByte);
  for (std::int64_t i = 0; i < 100; ++i) clip[i].fill_(i);
  const at::Tensor sheet = contact_sheet(clip, {4, 2, 3, 1});
  REQUIRE(sheet.sizes() == at::IntArrayRef({1 + 2 * 3, 1 + 2 * 4, 3}));
  CHECK(sheet[1][1][0].item<int>() == 0);
  CHECK(sheet[1][5][0].item<int>() == 33);
  CHECK(sheet[4][1][0].item<int>() == 66);
  CHECK(sheet[5][7][0].item<int>() == 99);
  CHECK_THROWS_AS(contact_sheet(noise({4, 4, 3})), ShapeError);
}

}  // namespace
}  // namespace chitu::io
