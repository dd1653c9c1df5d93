#include "chitu_core/io/frames_digest.h"

#include <string_view>

#include "chitu_core/io/frames.h"
#include "chitu_core/io/hash.h"
#include "chitu_core/threads/parallel_for.h"

namespace chitu::io {
namespace {

std::string_view bytes_of(const at::Tensor& pixels) {
  return {static_cast<const char*>(pixels.const_data_ptr()), pixels.nbytes()};
}

}  // namespace

FramesDigest digest_of(const at::Tensor& frames) {
  const at::Tensor clip = as_frames(frames, "digest of frames");
  FramesDigest digest;
  digest.width_px = clip.size(2);
  digest.height_px = clip.size(1);
  const std::string_view all = bytes_of(clip);
  const std::int64_t count = clip.size(0);
  const std::size_t frame_bytes = all.size() / static_cast<std::size_t>(count);
  digest.each.resize(static_cast<std::size_t>(count));
  // Index 0 is the whole clip, which takes as long as all frames together.
  threads::parallel_for(0, count + 1, 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      if (i == 0)
        digest.all = sha256(all);
      else
        digest.each[i - 1] = sha256(all.substr((i - 1) * frame_bytes, frame_bytes));
    }
  });
  return digest;
}

}  // namespace chitu::io
