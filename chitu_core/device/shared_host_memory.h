#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace chitu::device {

/// Host memory that processes of one host share: blocks of bytes by key, each of which the first
/// process that asks for it fills. It is an anonymous file (memfd) without a name: it ends with the
/// last process that has it, however that ends. Thread-safe.
class SharedHostMemory : public std::enable_shared_from_this<SharedHostMemory> {
 public:
  /// Where other processes find it, while the one that has made it lives.
  struct Place {
    std::int64_t process = 0, descriptor = 0;
  };
  /// Longest key.
  static constexpr std::size_t kMostKey = 64;

  /// Null where the system has no such files, or limits the size of files (ulimit -f).
  static std::shared_ptr<SharedHostMemory> make();
  /// That of another process; null if this one may not open it: it sees other processes, or belongs
  /// to another user.
  static std::shared_ptr<SharedHostMemory> open(const Place& place);
  ~SharedHostMemory();
  SharedHostMemory(const SharedHostMemory&) = delete;
  SharedHostMemory& operator=(const SharedHostMemory&) = delete;

  Place place() const;

  /// Called again and again while get() waits for another process; it ends that by throwing.
  void check_while_waiting(std::function<void()> check) { check_ = std::move(check); }

  /// The block of this key: uint8 [bytes], read-only, aligned to pages. It is freed when no process
  /// has its tensor any more.
  ///
  /// key      the same for the same content only
  /// fill     writes all of a block, uint8 [bytes]; called unless another process has done or does
  ///          it, for which this one waits
  /// returns  undefined if there are too many blocks
  /// throws   OutOfMemoryError if the host has no memory for it; as fill
  at::Tensor get(const std::string& key, std::int64_t bytes,
                 const std::function<void(const at::Tensor&)>& fill);
  /// Bytes of the blocks that are in use, in all processes.
  std::int64_t used_bytes() const;

 private:
  struct Header;
  struct Slot;
  class Lock;
  explicit SharedHostMemory(int descriptor);

  Slot* claim(const std::string& key, std::int64_t bytes);
  bool wait_or_take(Slot& slot) const;
  void fill_slot(Slot& slot, const std::function<void(const at::Tensor&)>& fill);
  void reserve(const Slot& slot) const;
  void* map(const Slot& slot, int access) const;
  at::Tensor view(Slot& slot);
  void release(Slot& slot) noexcept;

  int descriptor_;
  Header* header_;
  std::function<void()> check_{};
};

}  // namespace chitu::device
