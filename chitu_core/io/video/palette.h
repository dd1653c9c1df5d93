#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <vector>

namespace chitu::io {

struct Rgb {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  friend auto operator<=>(const Rgb&, const Rgb&) = default;
};

/// At most 256 colours that represent a clip's.
struct Palette {
  std::vector<Rgb> colours;  ///< sorted when exact
  bool exact = false;        ///< the clip has no other colours
};

/// Counts the colours of a clip and chooses its palette: the colours themselves if there are at
/// most 256, else boxes of colours split by variance and refined by k-means. Deterministic.
/// source  Heckbert 1982, "Color image quantization for frame buffer display"; Wu 1991, "Efficient
///         statistical computations for optimal color quantization" (the choice of the split)
class PaletteBuilder {
 public:
  PaletteBuilder();
  void add(std::span<const Rgb> pixels);
  Palette build() const;

 private:
  struct Sum {  ///< over colours with the same six leading bits
    std::uint64_t red = 0, green = 0, blue = 0, count = 0;
  };

  std::vector<Sum> sums_;
  std::set<Rgb> distinct_;  ///< until there are more than 256
  bool few_ = true;
};

/// Maps frames to a palette's indices. If the palette is not exact, a pixel's error is added to the
/// pixels not yet mapped (error diffusion), damped so that flat areas stay flat.
/// source  Floyd and Steinberg 1976, "An adaptive algorithm for spatial greyscale"
class PaletteMapper {
 public:
  explicit PaletteMapper(Palette palette);

  /// pixels in rows of `width`; `indices` has the same length.
  void map(std::span<const Rgb> pixels, std::size_t width, std::span<std::uint8_t> indices);

 private:
  void map_exactly(std::span<const Rgb> pixels, std::span<std::uint8_t> indices) const;
  std::uint8_t nearest(int red, int green, int blue);

  Palette palette_;
  std::vector<std::int16_t> cache_;  ///< index by a colour's six leading bits, -1 = unknown
};

}  // namespace chitu::io
