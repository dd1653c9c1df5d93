#include "pipelines/pictures/request_picture.h"

#include <fmt/format.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/hash.h"
#include "chitu_core/io/picture/read_picture.h"

namespace chitu::pipelines {
namespace {

/// The bytes of the file; an error begins with the key.
std::string bytes_of(const std::string& what, const std::string& path) {
  if (path.empty()) throw InputError(what + "'': expected a PNG, JPEG or WebP file, or null");
  try {
    io::check_picture_file(path);
    return read_file(path);
  } catch (const InputError& error) {
    throw InputError(what + error.what());
  }
}

}  // namespace

RequestPicture read_request_picture(const std::string& key, const std::string& path,
                                    const std::string& sha256) {
  const std::string what = fmt::format("request.{}=", key);
  const std::string bytes = bytes_of(what, path);
  const std::string found = io::sha256(bytes);
  if (!sha256.empty() && found != sha256)
    throw InputError(
        fmt::format("{}{}: is another picture than before: its SHA-256 is {}, expected "
                    "{} (request.{}_sha256)",
                    what, path, found, sha256, key));
  return {io::decode_picture(bytes, what + path), found};
}

}  // namespace chitu::pipelines
