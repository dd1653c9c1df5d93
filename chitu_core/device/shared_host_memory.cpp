#include "chitu_core/device/shared_host_memory.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/logger.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/log.h"
#include "chitu_core/device/host_memory.h"

namespace chitu::device {
namespace {

constexpr std::size_t kSlots = 1 << 16;
constexpr std::int64_t kPage = 1 << 16;  ///< a multiple of the system's, on every processor
constexpr std::chrono::milliseconds kWaitSlice{1};

enum class State : std::uint32_t { empty, filling, full };

std::int64_t whole_pages(std::int64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

bool limits_files() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

bool is_alive(pid_t process) { return ::kill(process, 0) == 0 || errno == EPERM; }

at::Tensor over(void* data, std::int64_t bytes, const std::function<void(void*)>& free) {
  return at::from_blob(data, {bytes}, free, at::TensorOptions(at::kByte));
}

}  // namespace

/// A block. All processes read and write it under the lock.
struct SharedHostMemory::Slot {
  std::array<char, kMostKey> key;  ///< all zero: unused
  State state;
  std::uint32_t users;  ///< tensors, and calls that wait
  pid_t filler;
  std::int64_t offset, bytes;

  bool has(std::string_view wanted) const {
    return std::string_view(key.data(), ::strnlen(key.data(), key.size())) == wanted;
  }
};

/// The beginning of the file. Memory of zeros is its initial state but for the mutex.
struct SharedHostMemory::Header {
  pthread_mutex_t mutex;
  std::int64_t end;  ///< of the blocks, behind the header
  std::array<Slot, kSlots> slots;

  void init() {
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    ::pthread_mutex_init(&mutex, &attributes);
    ::pthread_mutexattr_destroy(&attributes);
    end = whole_pages(sizeof(Header));
  }
};

/// Also after the end of a process that had it.
class SharedHostMemory::Lock {
 public:
  explicit Lock(Header& header) : mutex_(header.mutex) {
    if (::pthread_mutex_lock(&mutex_) == EOWNERDEAD) ::pthread_mutex_consistent(&mutex_);
  }
  ~Lock() { ::pthread_mutex_unlock(&mutex_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  pthread_mutex_t& mutex_;
};

std::shared_ptr<SharedHostMemory> SharedHostMemory::make() {
  if (limits_files()) return nullptr;
  const int descriptor = ::memfd_create("chitu weights", MFD_CLOEXEC);
  if (descriptor < 0) return nullptr;
  if (::ftruncate(descriptor, whole_pages(sizeof(Header))) != 0) {
    ::close(descriptor);
    return nullptr;
  }
  auto made = std::shared_ptr<SharedHostMemory>(new SharedHostMemory(descriptor));
  if (!made->header_) return nullptr;
  made->header_->init();
  return made;
}

std::shared_ptr<SharedHostMemory> SharedHostMemory::open(const Place& place) {
  const std::string path = fmt::format("/proc/{}/fd/{}", place.process, place.descriptor);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) {
    logger("device")->debug("{}: {}", path, std::strerror(errno));
    return nullptr;
  }
  auto opened = std::shared_ptr<SharedHostMemory>(new SharedHostMemory(descriptor));
  return opened->header_ ? opened : nullptr;
}

SharedHostMemory::SharedHostMemory(int descriptor) : descriptor_(descriptor) {
  void* mapped = ::mmap(nullptr, sizeof(Header), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  header_ = mapped == MAP_FAILED ? nullptr : static_cast<Header*>(mapped);
}

SharedHostMemory::~SharedHostMemory() {
  if (header_) ::munmap(header_, sizeof(Header));
  ::close(descriptor_);
}

SharedHostMemory::Place SharedHostMemory::place() const { return {::getpid(), descriptor_}; }

at::Tensor SharedHostMemory::get(const std::string& key, std::int64_t bytes,
                                 const std::function<void(const at::Tensor&)>& fill) {
  if (key.empty() || key.size() > kMostKey || bytes <= 0)
    throw Error("a block of shared memory needs a key and a size");
  Slot* slot = claim(key, bytes);
  if (!slot) return {};
  try {
    if (wait_or_take(*slot)) fill_slot(*slot, fill);
    return view(*slot);
  } catch (...) {
    release(*slot);
    throw;
  }
}

/// Its slot, of which there is one more user; null if there are none left.
SharedHostMemory::Slot* SharedHostMemory::claim(const std::string& key, std::int64_t bytes) {
  const Lock lock(*header_);
  const std::size_t first = std::hash<std::string>()(key) % kSlots;
  for (std::size_t i = 0; i < kSlots; ++i) {
    Slot& slot = header_->slots[(first + i) % kSlots];
    if (slot.key.front() == 0) {
      key.copy(slot.key.data(), key.size());
      slot.bytes = bytes;
      slot.offset = header_->end;
      header_->end += whole_pages(bytes);
    }
    if (!slot.has(key)) continue;
    if (slot.bytes != bytes) throw Error("a block of shared memory has another size: " + key);
    ++slot.users;
    return &slot;
  }
  return nullptr;
}

/// True if this process fills it; false once it is full.
bool SharedHostMemory::wait_or_take(Slot& slot) const {
  while (true) {
    {
      const Lock lock(*header_);
      if (slot.state == State::full) return false;
      if (slot.state == State::empty || !is_alive(slot.filler)) {
        slot.state = State::filling;
        slot.filler = ::getpid();
        return true;
      }
    }
    if (check_) check_();
    std::this_thread::sleep_for(kWaitSlice);
  }
}

void SharedHostMemory::fill_slot(Slot& slot, const std::function<void(const at::Tensor&)>& fill) {
  const auto set = [&](State state) {
    const Lock lock(*header_);
    slot.state = state;
  };
  try {
    reserve(slot);
    const auto size = static_cast<std::size_t>(whole_pages(slot.bytes));
    void* data = map(slot, PROT_READ | PROT_WRITE);
    fill(over(data, slot.bytes, [size](void* mapped) { ::munmap(mapped, size); }));
  } catch (...) {
    set(State::empty);
    throw;
  }
  set(State::full);
}

/// Takes its pages now: where they are missing, a write would end the process.
void SharedHostMemory::reserve(const Slot& slot) const {
  int reason = slot.bytes > host_memory().free_bytes() ? ENOMEM : EINTR;
  while (reason == EINTR) reason = ::posix_fallocate(descriptor_, slot.offset, slot.bytes);
  if (reason != 0)
    throw OutOfMemoryError(fmt::format("the host has no {} left for weights that ranks share: {}",
                                       format_bytes(slot.bytes), std::strerror(reason)));
}

void* SharedHostMemory::map(const Slot& slot, int access) const {
  void* data = ::mmap(nullptr, static_cast<std::size_t>(whole_pages(slot.bytes)), access,
                      MAP_SHARED, descriptor_, slot.offset);
  if (data == MAP_FAILED)
    throw OutOfMemoryError(fmt::format("cannot map {} of weights that ranks share: {}",
                                       format_bytes(slot.bytes), std::strerror(errno)));
  return data;
}

at::Tensor SharedHostMemory::view(Slot& slot) {
  const auto size = static_cast<std::size_t>(whole_pages(slot.bytes));
  return over(map(slot, PROT_READ), slot.bytes,
              [self = shared_from_this(), &slot, size](void* mapped) {
                ::munmap(mapped, size);
                self->release(slot);
              });
}

void SharedHostMemory::release(Slot& slot) noexcept {
  const Lock lock(*header_);
  if (--slot.users > 0 || slot.state != State::full) return;
  slot.state = State::empty;
  ::fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, slot.offset,
              whole_pages(slot.bytes));
}

std::int64_t SharedHostMemory::used_bytes() const {
  const Lock lock(*header_);
  std::int64_t bytes = 0;
  for (const Slot& slot : header_->slots)
    if (slot.state == State::full) bytes += slot.bytes;
  return bytes;
}

}  // namespace chitu::device
