#include "tools/chitu/regress/record_store.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/temporary.h"
#include "chitu_core/io/png.h"
#include "tools/chitu/regress/memory_samples.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

constexpr const char* kMemoryFile = "memory_curve.csv";
constexpr const char* kCurveName = "record";

std::string frame_name(std::int64_t index) { return fmt::format("frame_{:04}.png", index); }

at::Tensor load_frame(const fs::path& file, const RecordedFrames& size) {
  const at::Tensor frame = io::read_png(file);
  if (frame.size(0) != size.height || frame.size(1) != size.width)
    throw InputError(fmt::format("{}: expected {}x{} pixels, got {}x{}", file.string(), size.width,
                                 size.height, frame.size(1), frame.size(0)));
  return frame;
}

/// Frames of another sum were changed by hand, or an update was cut off.
void check_sum(const fs::path& folder, const std::string& sum, const std::string& expected) {
  if (sum != expected)
    throw InputError(
        fmt::format("{}: has other frames than the record: their SHA-256 is {}, expected {}; "
                    "restore them, or remove the record and record the case again",
                    folder.string(), sum, expected));
}

/// Replaces the folder by the one that was made; a crash leaves one of them whole.
void replace_folder(TemporaryName& made) {
  if (!name_exists(made.target())) return made.commit();
  const TemporaryName earlier(made.target(), TemporaryName::Kind::folder);
  fs::rename(made.target(), earlier.temporary());
  made.commit();
}

}  // namespace

fs::path RecordStore::file_of(const std::string& name) const { return folder_ / (name + ".yaml"); }

bool RecordStore::has(const std::string& name) const { return name_exists(file_of(name)); }

StoredRecord RecordStore::load(const std::string& name) const {
  StoredRecord stored{
      .record = read_record(file_of(name)), .frames = {}, .memory = {kCurveName, {}}};
  if (stored.record.case_name != name)
    throw InputError(fmt::format("{}: case: expected {}, got {}", file_of(name).string(), name,
                                 stored.record.case_name));
  std::vector<at::Tensor> frames;
  for (const std::int64_t i : stored_indices(stored.record.frames))
    frames.push_back(load_frame(folder_ / name / frame_name(i), stored.record.frames));
  stored.frames = at::stack(frames);
  check_sum(folder_ / name, io::digest_of(stored.frames).all, stored.record.frames.stored_sha256);
  if (const fs::path curve = folder_ / name / kMemoryFile; name_exists(curve))
    stored.memory = read_curve(kCurveName, curve);
  return stored;
}

void RecordStore::save(const std::string& name, const GoldenRecord& record) const {
  fs::create_directories(folder_);
  write_file(file_of(name), to_yaml(record));
}

void RecordStore::save(const std::string& name, const StoredRecord& stored) const {
  fs::create_directories(folder_);
  remove_abandoned(folder_);
  TemporaryFile file(file_of(name));  // a full disk shows before anything is replaced
  file.write(to_yaml(stored.record));
  TemporaryName folder(folder_ / name, TemporaryName::Kind::folder);
  const auto indices = stored_indices(stored.record.frames);
  for (std::size_t i = 0; i < indices.size(); ++i)
    io::write_png(folder.temporary() / frame_name(indices[i]),
                  stored.frames[static_cast<std::int64_t>(i)]);
  write_file(folder.temporary() / kMemoryFile, to_csv(stored.memory));
  replace_folder(folder);
  file.commit();
}

at::Tensor stored_frames_of(const at::Tensor& clip, const RecordedFrames& frames) {
  const auto indices = stored_indices(frames);
  return clip.index_select(0, at::tensor(at::ArrayRef<std::int64_t>(indices), at::kLong));
}

}  // namespace chitu::tools
