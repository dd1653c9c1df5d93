#include "chitu_core/io/hash.h"

extern "C" {
#include <libavutil/mem.h>
#include <libavutil/sha.h>
}

#include <array>
#include <cstdint>
#include <memory>
#include <new>

namespace chitu::io {

struct Sha256::State {
  std::unique_ptr<AVSHA, decltype(&av_free)> sha{av_sha_alloc(), &av_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (!state_->sha) throw std::bad_alloc();
  av_sha_init(state_->sha.get(), 256);
}

Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  av_sha_update(state_->sha.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()),
                bytes.size());
}

std::string Sha256::finish() {
  std::array<std::uint8_t, 32> digest{};
  av_sha_final(state_->sha.get(), digest.data());
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  Sha256 sum;
  sum.update(bytes);
  return sum.finish();
}

}  // namespace chitu::io
