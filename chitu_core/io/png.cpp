#include "chitu_core/io/png.h"

#include <ATen/ops/empty.h>
#include <png.h>

#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/temporary.h"
#include "chitu_core/io/frames.h"

namespace chitu::io {
namespace {

/// libpng's simplified interface: it reports errors by return value, not by longjmp.
class PngImage {
 public:
  PngImage() {
    image_.version = PNG_IMAGE_VERSION;
    image_.format = PNG_FORMAT_RGB;
  }
  ~PngImage() { png_image_free(&image_); }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;

  png_image* get() { return &image_; }
  png_image* operator->() { return &image_; }

 private:
  png_image image_{};
};

}  // namespace

std::string png_bytes(const at::Tensor& image, const std::string& what) {
  const at::Tensor pixels = as_image(image, what);
  PngImage png;
  png->height = static_cast<png_uint_32>(pixels.size(0));
  png->width = static_cast<png_uint_32>(pixels.size(1));
  std::string bytes;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(*png.get());
  bytes.resize(size);
  if (png_image_write_to_memory(png.get(), bytes.data(), &size, 0, pixels.const_data_ptr(), 0,
                                nullptr) == 0)
    throw InputError(what + ": cannot write: " + png->message);
  bytes.resize(size);
  return bytes;
}

void write_png(const std::filesystem::path& path, const at::Tensor& image) {
  const std::string bytes = png_bytes(image, path.string());
  TemporaryFile file(path);
  file.write(bytes);
  file.commit();
}

at::Tensor read_png(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  PngImage png;
  const auto check = [&](int done) {
    if (done == 0) throw InputError(path.string() + ": cannot read: " + png->message);
  };
  check(png_image_begin_read_from_memory(png.get(), bytes.data(), bytes.size()));
  png->format = PNG_FORMAT_RGB;
  at::Tensor pixels = at::empty({png->height, png->width, 3}, at::kByte);
  const png_color black{};
  check(png_image_finish_read(png.get(), &black, pixels.data_ptr(), 0, nullptr));
  return pixels;
}

}  // namespace chitu::io
