#include "pipelines/machine/disk_speed.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/common/thread.h"

namespace chitu::pipelines {
namespace {

constexpr std::int64_t kBlock = std::int64_t{4} << 20;
constexpr std::size_t kAlignment = 4096;  // as O_DIRECT requires
constexpr int kThreads = 4;               // keep more than one request at the drive

[[noreturn]] void fail(const std::filesystem::path& path, const char* what) {
  fail_system_call(fmt::format("{}: cannot {}", path.string(), what), errno);
}

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Buffer = std::unique_ptr<char, Free>;

Buffer make_buffer() {
  return Buffer(
      static_cast<char*>(std::aligned_alloc(kAlignment, static_cast<std::size_t>(kBlock))));
}

class File {
 public:
  File(std::filesystem::path path, int flags)
      : path_(std::move(path)), descriptor_(::open(path_.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  /// Whether a block at this offset could be read.
  bool read(char* to, std::int64_t at) const {
    for (std::int64_t got = 0; got < kBlock;) {
      const ssize_t count =
          ::pread(descriptor_, to + got, static_cast<std::size_t>(kBlock - got), at + got);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      got += count;
    }
    return true;
  }
  void write(const char* from) const {
    for (std::int64_t put = 0; put < kBlock;) {
      const ssize_t count =
          ::write(descriptor_, from + put, static_cast<std::size_t>(kBlock - put));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail(path_, "write");
      put += count;
    }
  }

 private:
  std::filesystem::path path_;
  int descriptor_;
};

/// A file for the measurement, removed at the end.
class Sample {
 public:
  Sample(const std::filesystem::path& folder, std::int64_t blocks)
      : path_(folder / fmt::format(".chitu-calibrate-{}", ::getpid())) {
    try {
      write(blocks);
    } catch (...) {
      ::unlink(path_.c_str());
      throw;
    }
  }
  ~Sample() { ::unlink(path_.c_str()); }
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  void write(std::int64_t blocks) {
    const File file(path_, O_WRONLY | O_CREAT | O_EXCL);
    if (!file.is_open()) fail(path_, "write");
    const Buffer buffer = make_buffer();
    // Random bytes, which no file system or drive can compress.
    std::minstd_rand random(1);
    for (std::int64_t i = 0; i < kBlock; i += 4) {
      const auto number = static_cast<std::uint32_t>(random());
      std::memcpy(buffer.get() + i, &number, 4);
    }
    for (std::int64_t block = 0; block < blocks; ++block) {
      std::memcpy(buffer.get(), &block, sizeof block);
      file.write(buffer.get());
    }
    if (::fsync(file.descriptor()) != 0 && errno != EINVAL) fail(path_, "flush");
    ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  }

  std::filesystem::path path_;
};

/// Seconds to read all blocks with several threads; negative if the file cannot be opened or read
/// with these flags.
double read_all(const std::filesystem::path& path, std::int64_t blocks, int flags) {
  const File file(path, O_RDONLY | flags);
  if (!file.is_open()) return -1;
  std::atomic<bool> failed = false;
  std::vector<std::jthread> threads;
  const auto begin = std::chrono::steady_clock::now();
  for (int index = 0; index < kThreads; ++index)
    threads.push_back(start_thread([&, index] {
      const Buffer buffer = make_buffer();
      for (std::int64_t block = index; block < blocks && !failed; block += kThreads)
        if (!buffer || !file.read(buffer.get(), block * kBlock)) failed = true;
    }));
  threads.clear();  // joins them
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  return failed ? -1 : elapsed.count();
}

}  // namespace

Measured measure_disk(const std::filesystem::path& folder, std::int64_t bytes) {
  const std::int64_t blocks = std::max<std::int64_t>(kThreads, bytes / kBlock);
  const Sample sample(folder, blocks);
  std::string past = "with O_DIRECT";
  double seconds = read_all(sample.path(), blocks, O_DIRECT);
  if (seconds < 0) {
    past = "its pages given back before, O_DIRECT being refused";
    seconds = read_all(sample.path(), blocks, 0);
  }
  if (seconds < 0) fail(sample.path(), "read");
  const auto total = static_cast<double>(blocks * kBlock);
  return {total / seconds, fmt::format("a file of {}, read by {} threads, {}",
                                       format_bytes(blocks * kBlock), kThreads, past)};
}

}  // namespace chitu::pipelines
