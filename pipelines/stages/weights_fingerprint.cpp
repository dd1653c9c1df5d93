#include "pipelines/stages/weights_fingerprint.h"

#include <spdlog/logger.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/log.h"
#include "chitu_core/io/content_hash.h"
#include "chitu_core/io/hash.h"

namespace chitu::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kSumLength = 64;

/// Whether the time of change was recorded by the system at the change.
bool is_real(const io::FileIdentity& identity) { return identity.changed_ns % kSecond != 0; }

bool is_settled(const io::FileIdentity& identity) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count() - identity.changed_ns >
         2 * kSecond;
}

/// File that keeps the checksum of a file.
fs::path note_of(const io::TensorFile& file, const fs::path& memory) {
  const auto identity = file.identity();
  const nlohmann::json known_by{identity.device,      identity.inode,      identity.size_bytes,
                                identity.modified_ns, identity.changed_ns, io::sampled_sum(file)};
  return memory / ("weights-" + io::sha256(known_by.dump()) + ".sum");
}

std::optional<std::string> recall(const fs::path& note) {
  std::error_code ignored;
  if (!fs::exists(note, ignored)) return std::nullopt;
  const std::string sum = read_file(note);
  return sum.size() == kSumLength ? std::optional(sum) : std::nullopt;
}

/// If this fails, the next run reads the file again; no reason to stop.
void keep(const fs::path& note, const std::string& sum) {
  std::error_code ignored;
  fs::create_directories(note.parent_path(), ignored);
  try {
    write_file(note, sum);
  } catch (const InputError& error) {
    logger("prompt_cache")->warn("{}", error.what());
  }
}

std::string sum_of(const io::TensorFile& file, const fs::path& memory,
                   const std::function<void()>& between) {
  const auto before = file.identity();
  const bool may_be_kept = is_real(before);
  const fs::path note = may_be_kept ? note_of(file, memory) : fs::path();
  if (may_be_kept)
    if (const auto sum = recall(note)) return *sum;
  logger("prompt_cache")
      ->info("reading {} ({}) to identify its weights", file.path().string(),
             format_bytes(before.size_bytes));
  const std::string sum = io::content_sum(file, between);
  if (may_be_kept && is_settled(before) && file.identity() == before) keep(note, sum);
  return sum;
}

}  // namespace

std::string weights_fingerprint(const io::Checkpoint& checkpoint, const fs::path& memory,
                                const std::function<void()>& between) {
  io::Sha256 whole;
  for (const io::TensorFile& file : checkpoint.files()) whole.update(sum_of(file, memory, between));
  return whole.finish();
}

}  // namespace chitu::pipelines
