#include "tools/chitu/regress/golden_record.h"

#include <ATen/ATen.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/png.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tools/chitu/regress/memory_samples.h"
#include "tools/chitu/regress/record_store.h"
#include "tools/chitu/regress/record_update.h"

namespace chitu::tools {
namespace {

using Catch::ContainsSubstring;
using testing::TemporaryFolder;

const MachineKey kHere{"sim", "avx512", "0a1b2c3d", "2.13.0"};
const MachineKey kElsewhere{"sim", "avx2", "0a1b2c3d", "2.13.0"};

/// A clip whose frames are of one level each.
at::Tensor clip(std::vector<std::int64_t> levels) {
  return at::tensor(at::ArrayRef<std::int64_t>(levels), at::kByte)
      .reshape({-1, 1, 1, 1})
      .repeat({1, 12, 16, 3});
}

RegressCase a_case() {
  RegressCase made;
  made.name = "one";
  return made;
}

CaseOutcome outcome_of(const at::Tensor& frames, const MachineKey& key = kHere) {
  CaseOutcome outcome;
  outcome.frames = frames;
  outcome.digest = io::digest_of(frames);
  outcome.key = key;
  outcome.figures.device = "sim";
  pipelines::StageFigures stage;
  stage.name = "denoise";
  stage.peak_bytes = 1 << 20;
  stage.h2d_bytes = 7;
  stage.loads = 1;
  outcome.figures.stages = {stage};
  outcome.memory.points = {{0, 0}, {0.5, 1 << 20}};
  return outcome;
}

struct Stored {
  TemporaryFolder folder;
  RecordStore store{folder / "records"};
  std::filesystem::path file = store.file_of("one");
  StoredRecord saved;

  explicit Stored(const at::Tensor& frames = clip({1, 2, 3, 4, 5})) {
    saved = new_record(a_case(), outcome_of(frames));
    store.save("one", saved);
  }
};

TEST_CASE("a record is read back as it was written", "[regress]") {
  Stored stored;
  stored.saved.record.approved.push_back({kElsewhere, stored.saved.record.approved[0].sha256});
  stored.saved.record.time_reference = "other";
  stored.saved.record.time_ratio = 1.25;
  stored.saved.record.stages.push_back(stored.saved.record.stages[0]);
  stored.saved.record.stages[1].peak_bytes.reset();
  stored.store.save("one", stored.saved);
  const auto read = stored.store.load("one");
  CHECK(read.record == stored.saved.record);
  CHECK(at::equal(read.frames, stored.saved.frames));
  CHECK(read.memory.points.size() == 2);
}

TEST_CASE("a key that could be read as a number is read back as a text", "[regress]") {
  for (const char* processor : {"00000000", "01234567", "12345678", "1234e567", "0x123456"}) {
    Stored stored;
    stored.saved.record.approved[0].key.processor = processor;
    stored.store.save("one", stored.saved);
    CHECK(stored.store.load("one").record.approved[0].key.processor == processor);
  }
}

TEST_CASE("a record reads like this", "[regress]") {
  const std::string text = read_file(Stored(clip({1})).file);
  CHECK(text ==
        "# A golden record of `chitu regress`. `chitu regress update` writes it; do not edit it.\n"
        "record_version: 1\n"
        "case: one\n"
        "device: sim\n"
        "frames:\n"
        "  count: 1\n"
        "  width: 16\n"
        "  height: 12\n"
        "  stored: 1\n"
        "  stored_sha256: " +
            io::digest_of(clip({1})).all +
            "\n"
            "approved:\n"
            "- device: sim\n"
            "  cpu: avx512\n"
            "  processor: 0a1b2c3d\n"
            "  libtorch: 2.13.0\n"
            "  sha256:\n"
            "  - " +
            io::digest_of(clip({1})).all +
            "\n"
            "stages:\n"
            "- name: denoise\n"
            "  peak_bytes: 1048576\n"
            "  h2d_bytes: 7\n"
            "  d2h_bytes: 0\n"
            "  disk_bytes: 0\n"
            "  loads: 1\n"
            "end: true\n");
}

TEST_CASE("a record that is cut short anywhere is an error of one line", "[regress]") {
  const Stored stored;
  const std::string text = read_file(stored.file);
  const std::size_t end = text.rfind("true");
  for (std::size_t length = 0; length < end + 3; ++length) {
    write_file(stored.file, text.substr(0, length));
    try {
      stored.store.load("one");
      FAIL("read " << length << " bytes");
    } catch (const InputError& error) {
      const std::string what = error.what();
      INFO(what);
      CHECK(what.find('\n') == std::string::npos);
      CHECK(what.starts_with(stored.file.string() + ":"));
      CHECK(std::isdigit(what.at(stored.file.string().size() + 1)));
    }
  }
}

TEST_CASE("a damaged record names the line and what is expected", "[regress]") {
  const Stored stored;
  const std::string text = read_file(stored.file);
  const auto fails = [&](const std::string& part, const std::string& by,
                         const std::string& expected) {
    std::string changed = text;
    changed.replace(changed.find(part), part.size(), by);
    write_file(stored.file, changed);
    CHECK_THROWS_WITH(stored.store.load("one"), ContainsSubstring(expected));
  };
  fails("  loads: 1", "  load: 1", "one.yaml:28: stages[0].load: unknown key, did you mean loads?");
  fails("  loads: 1", "  loads: -1", "one.yaml:28: stages[0].loads: expected at least 0");
  fails("record_version: 1", "record_version: 2", "one.yaml:2: record_version: expected 1");
  fails("case: one", "case: two", "case: expected one, got two");
  fails("stored_sha256: ", "stored_sha256: x",
        "one.yaml:10: frames.stored_sha256: expected 64 hex");
  fails("  - ", "  - x", "sha256[0]: expected 64 hexadecimal digits, got \"x");
  fails("count: 5", "count: 4", "approved[0].sha256: expected 4 sums, one for each frame, got 5");
}

TEST_CASE(
    "a stored frame that is missing or of another size is named, changed ones by their folder",
    "[regress]") {
  const Stored stored;
  const auto frame = stored.folder / "records/one/frame_0002.png";
  io::write_png(frame, clip({9})[0]);
  CHECK_THROWS_WITH(stored.store.load("one"),
                    ContainsSubstring("records/one: has other frames than the record: their SHA-"));
  io::write_png(frame, at::zeros({3, 3, 3}, at::kByte));
  CHECK_THROWS_WITH(stored.store.load("one"), ContainsSubstring("expected 16x12 pixels, got 3x3"));
  std::filesystem::remove(frame);
  CHECK_THROWS_WITH(stored.store.load("one"), ContainsSubstring("frame_0002.png: No such file"));
}

TEST_CASE("a memory curve that is no curve is named", "[regress]") {
  const Stored stored;
  const auto file = stored.folder / "records/one/memory_curve.csv";
  for (const char* text :
       {"x\n", "stage,bytes\n1;2\n", "stage,bytes\n1,x\n", "stage,bytes\n-1,2\n"}) {
    write_file(file, text);
    CHECK_THROWS_WITH(stored.store.load("one"), ContainsSubstring("memory_curve.csv:"));
  }
}

TEST_CASE("a record whose approved sums were removed is read, with its frames", "[regress]") {
  Stored stored;
  stored.saved.record.approved.clear();
  stored.store.save("one", stored.saved.record);
  const auto read = stored.store.load("one");
  CHECK(read.record.approved.empty());
  CHECK(at::equal(read.frames, stored.saved.frames));
}

TEST_CASE("stored frames are spaced evenly, the first and the last among them", "[regress]") {
  using Indices = std::vector<std::int64_t>;
  CHECK(stored_indices({.count = 5, .stored = 5}) == Indices{0, 1, 2, 3, 4});
  CHECK(stored_indices({.count = 81, .stored = 5}) == Indices{0, 20, 40, 60, 80});
  CHECK(stored_indices({.count = 81, .stored = 1}) == Indices{0});
  RegressCase few = a_case();
  few.stored_frames = 2;
  const auto stored = new_record(few, outcome_of(clip({1, 2, 3, 4, 5})));
  CHECK(at::equal(stored.frames, clip({1, 5})));
  CHECK(stored.record.approved[0].sha256.size() == 5);
}

/// What an update makes of the stored record.
RecordUpdate updated(const Stored& stored, const CaseOutcome& outcome, ApprovalRules rules = {}) {
  return updated_record(a_case(), stored.saved, outcome, rules);
}

std::vector<std::string> keys_of(const RecordUpdate& update) {
  std::vector<std::string> cpus;
  for (const Approval& approval : update.stored.record.approved) cpus.push_back(approval.key.cpu);
  return cpus;
}

using Names = std::vector<std::string>;

TEST_CASE("an update of frames replaces the sums of this machine, or adds to them", "[regress]") {
  const Stored stored;
  const auto changed = outcome_of(clip({1, 2, 3, 4, 9}));
  const auto replaced = updated(stored, changed);
  CHECK(keys_of(replaced) == Names{"avx512"});
  CHECK(replaced.frames_replaced);
  CHECK(at::equal(replaced.stored.frames, changed.frames));
  const auto added = updated(stored, changed, {.add = true});
  CHECK(keys_of(added) == Names{"avx512", "avx512"});
  CHECK(added.frames_replaced);
  CHECK_FALSE(updated(stored, outcome_of(clip({1, 2, 3, 4, 5}))).frames_replaced);
}

TEST_CASE("an update on another machine adds its sums and keeps the pictures", "[regress]") {
  const Stored stored(clip({100, 101, 102}));
  const auto near = updated(stored, outcome_of(clip({100, 101, 103}), kElsewhere));
  CHECK(keys_of(near) == Names{"avx512", "avx2"});
  CHECK_FALSE(near.frames_replaced);
  CHECK(near.notes.empty());
  const auto far = updated(stored, outcome_of(clip({1, 1, 1}), kElsewhere));
  CHECK(keys_of(far) == Names{"avx512", "avx2"});
  CHECK(far.frames_replaced);
  CHECK(far.notes.size() == 1);
}

TEST_CASE("an update on another machine keeps figures that are within the tolerance", "[regress]") {
  const Stored stored;
  auto more = outcome_of(stored.saved.frames, kElsewhere);
  more.figures.stages[0].peak_bytes += 10;
  auto loose = a_case();
  loose.tolerance.peak = config::Amount{10, 0};
  const auto peak = [&](const RegressCase& regress_case, const CaseOutcome& outcome) {
    return *updated_record(regress_case, stored.saved, outcome, {})
                .stored.record.stages[0]
                .peak_bytes;
  };
  CHECK(peak(loose, more) == 1 << 20);
  CHECK(peak(a_case(), more) == (1 << 20) + 10);
  more.key = kHere;
  CHECK(peak(loose, more) == (1 << 20) + 10);
}

TEST_CASE("sums that are forgotten take the pictures with them", "[regress]") {
  const Stored stored(clip({100, 101, 102}));
  const auto update =
      updated(stored, outcome_of(clip({100, 101, 103}), kElsewhere), {.forget_others = true});
  CHECK(keys_of(update) == Names{"avx2"});
  CHECK(update.frames_replaced);
}

TEST_CASE("a clip of another length forgets all sums", "[regress]") {
  const Stored stored;
  const auto update = updated(stored, outcome_of(clip({1, 2, 3}), kElsewhere));
  CHECK(keys_of(update) == Names{"avx2"});
  CHECK(update.stored.record.frames.count == 3);
  stored.store.save("one", update.stored);
  CHECK(stored.store.load("one").record == update.stored.record);
  CHECK_FALSE(std::filesystem::exists(stored.folder / "records/one/frame_0004.png"));
}

TEST_CASE("a diff has the changed lines and two around them", "[regress]") {
  CHECK(line_diff("a\nb\nc\nd\ne\nf\ng\n", "a\nb\nc\nX\ne\nf\ng\n") ==
        "  ...\n  b\n  c\n- d\n+ X\n  e\n  f\n  ...\n");
  CHECK(line_diff("a\n", "a\nb\n") == "  a\n+ b\n");
  CHECK(line_diff("a\nb\n", "b\n") == "- a\n  b\n");
}

}  // namespace
}  // namespace chitu::tools
