#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace chitu::memory {

/// Buffers that one thread fills while another empties the full ones. Turn t uses buffer t modulo
/// their number. Not thread-safe: the owner holds a lock (FetchThreads::lock).
class BufferRing {
 public:
  struct Buffer {
    at::Tensor bytes;                      ///< uint8
    std::optional<c10::Event> filled{};    ///< on a device: the copies into it are done
    std::optional<c10::Event> released{};  ///< on a device: what reads it is done
    std::int64_t turn = -1;                ///< whose bytes it holds
    bool ready = false;                    ///< filled, or the copies that fill it are queued
  };

  explicit BufferRing(const std::vector<at::Tensor>& buffers) {
    for (const at::Tensor& bytes : buffers) buffers_.emplace_back().bytes = bytes;
  }

  std::vector<Buffer>& buffers() { return buffers_; }
  Buffer& of(std::int64_t turn) {
    return buffers_[static_cast<std::size_t>(turn) % buffers_.size()];
  }
  /// The buffer that is emptied next.
  Buffer& next_to_empty() { return of(emptied_); }
  std::int64_t next_to_fill() const { return filled_; }

  /// Empties all buffers; `turns` turns follow, counted from 0.
  void restart(std::int64_t turns);
  /// There are more turns: so many in all.
  void extend(std::int64_t turns) { turns_ = turns; }
  /// No further turn starts.
  void cancel() { turns_ = 0; }
  bool is_wanted(std::int64_t turn) const { return turn < turns_; }
  bool can_fill() const { return filled_ < turns_ && filled_ - emptied_ < std::ssize(buffers_); }
  bool is_ready(std::int64_t turn) {
    const Buffer& buffer = of(turn);
    return buffer.ready && buffer.turn == turn;
  }
  void set_filled(std::int64_t turn);
  /// The oldest full buffer may be filled again.
  void set_emptied();

 private:
  std::vector<Buffer> buffers_;
  std::int64_t turns_ = 0;    ///< in all
  std::int64_t filled_ = 0;   ///< turns that are filled, or on their way
  std::int64_t emptied_ = 0;  ///< turns whose buffers are free again
};

}  // namespace chitu::memory
