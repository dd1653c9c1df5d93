#include "chitu_core/io/png.h"

#include <png.h>

#include <string>

#include "chitu_core/common/error.h"
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

void write_png(const std::filesystem::path& path, const at::Tensor& image) {
  const at::Tensor pixels = as_image(image, path.string());
  PngImage png;
  png->height = static_cast<png_uint_32>(pixels.size(0));
  png->width = static_cast<png_uint_32>(pixels.size(1));
  std::string bytes;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(*png.get());
  bytes.resize(size);
  if (png_image_write_to_memory(png.get(), bytes.data(), &size, 0, pixels.const_data_ptr(), 0,
                                nullptr) == 0)
    throw InputError(path.string() + ": cannot write: " + png->message);
  TemporaryFile file(path);
  file.write(std::string_view(bytes).substr(0, size));
  file.commit();
}

}  // namespace chitu::io
