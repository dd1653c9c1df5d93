#include "tests/regress/planted.h"

#include <ATen/ATen.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "tests/regress/in_process.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tools/chitu/regress/record_store.h"

// Each kind of regression is planted once, and caught.

namespace chitu::testing {
namespace {

using Catch::ContainsSubstring;

/// A recorded case that attends with the backend `planted`.
struct Recorded {
  TemporaryFolder folder;
  std::filesystem::path file = folder / "cases.yaml";
  tools::RecordStore store{folder / "records"};

  explicit Recorded(const std::string& cases = "  - name: one\n") {
    write_file(file, tiny_cases(cases,
                                ", infer.attn_type=planted, "
                                "'model.stages=[{name: planted, after: decode_latents}]'"));
    const auto recorded = regress("record", file, folder.path());
    REQUIRE(recorded.code == 0);
  }
  Regressed run() const { return regress("run", file, folder.path()); }

  /// Changes the record of the first case.
  template <class Edit>
  void edit(const Edit& change) const {
    auto stored = store.load("one");
    change(stored);
    store.save("one", stored);
  }
};

void check_caught(const Regressed& run, const std::string& expected) {
  INFO(run.out);
  CHECK(run.code == 1);
  CHECK_THAT(run.out, ContainsSubstring("one: regressed: ") && ContainsSubstring(expected) &&
                          ContainsSubstring("1 case: 0 passed, 1 regressed"));
}

tools::RecordedStage& stage_of(tools::StoredRecord& stored, const std::string& name) {
  return *std::ranges::find(stored.record.stages, name, &tools::RecordedStage::name);
}

TEST_CASE("nothing planted passes, run after run", "[regress]") {
  const Recorded recorded;
  for (int i = 0; i < 3; ++i) {
    const auto run = recorded.run();
    INFO(run.out);
    CHECK(run.code == 0);
    CHECK_THAT(run.out, ContainsSubstring("pass  identical") &&
                            ContainsSubstring("1 case: 1 passed\n") &&
                            !ContainsSubstring("takes less"));
  }
}

TEST_CASE("one pixel of one frame that changes by one level is caught", "[regress]") {
  const Recorded recorded;
  const Planting pixel({.pixel = true});
  const auto run = recorded.run();
  check_caught(run,
               "1 of 5 frames differ from the approved ones, frame 3 first: 1 pixels of the "
               "stored frames by up to 1 of 255");
  const std::string junit = read_file(recorded.folder / "out/junit.xml");
  CHECK_THAT(junit,
             ContainsSubstring("tests=\"1\" failures=\"1\" errors=\"0\"") &&
                 ContainsSubstring("<failure type=\"frames\" message=\"1 of 5 frames differ"));
}

TEST_CASE("frames that the code changes are caught", "[regress]") {
  const Recorded recorded;
  const Planting noise({.noise = true});
  check_caught(recorded.run(), "5 of 5 frames differ from the approved ones");
}

TEST_CASE("one extra MiB of peak is caught", "[regress]") {
  const Recorded recorded;
  const at::Tensor held =
      at::empty({1 << 20}, at::TensorOptions(at::kByte).device(c10::kPrivateUse1));
  const auto run = recorded.run();
  check_caught(run, "stage denoise: peak ");
  CHECK_THAT(run.out, ContainsSubstring("(+1048576 B)"));
}

TEST_CASE("an extra MiB is within a tolerance of one", "[regress]") {
  const Recorded recorded("  - name: one\n    tolerance: {peak: 1MiB}\n");
  const at::Tensor held =
      at::empty({1 << 20}, at::TensorOptions(at::kByte).device(c10::kPrivateUse1));
  CHECK(recorded.run().code == 0);
  const at::Tensor more = at::empty({1}, at::TensorOptions(at::kByte).device(c10::kPrivateUse1));
  CHECK(recorded.run().code == 1);
}

TEST_CASE("one extra copy is caught, each way", "[regress]") {
  const Recorded recorded;
  const Planting copy({.copies = 1});
  const auto run = recorded.run();
  check_caught(run, "stage encode_text: to device ");
  CHECK_THAT(run.out, ContainsSubstring("one: regressed: stage encode_text: to host "));
}

TEST_CASE("one extra load is caught", "[regress]") {
  const Recorded recorded;
  recorded.edit([](auto& stored) { stage_of(stored, "denoise").loads = 0; });
  check_caught(recorded.run(), "stage denoise: loads 0 -> 1");
}

TEST_CASE("one byte more from disk is caught, and a stage that is new or gone", "[regress]") {
  const Recorded recorded;
  recorded.edit([](auto& stored) {
    --stage_of(stored, "denoise").disk_bytes;
    stored.record.stages.pop_back();
    stored.record.stages.push_back(stored.record.stages.front());
    stored.record.stages.back().name = "upsample";
  });
  const auto run = recorded.run();
  check_caught(run, "stage denoise: from disk ");
  CHECK_THAT(run.out, ContainsSubstring("(+1 B)") &&
                          ContainsSubstring("stage save: is not in the record") &&
                          ContainsSubstring("stage upsample: did not run"));
}

TEST_CASE("less than recorded passes, and the report says so", "[regress]") {
  const Recorded recorded;
  recorded.edit([](auto& stored) { *stage_of(stored, "denoise").peak_bytes += 1; });
  const auto run = recorded.run();
  CHECK(run.code == 0);
  CHECK_THAT(run.out, ContainsSubstring("one: takes less than recorded: `chitu regress update`"));
}

TEST_CASE("a case that fails does not keep the others from running", "[regress]") {
  const Recorded recorded(
      "  - name: one\n  - name: other\n    overrides: "
      "[infer.attn_type=torch_sdpa]\n");
  const Planting failure({.fails = true});
  const auto run = recorded.run();
  INFO(run.out);
  CHECK(run.code == 1);
  CHECK_THAT(run.out, ContainsSubstring("one: did not run: case one: stage ") &&
                          ContainsSubstring("planted failure") &&
                          ContainsSubstring("2 cases: 1 passed, 1 did not run"));
  CHECK_THAT(read_file(recorded.folder / "out/junit.xml"),
             ContainsSubstring("<error type=\"error\" message=\""));
}

TEST_CASE("a case takes the same alone and after others", "[regress]") {
  const std::string levels =
      "  - name: zero\n  - name: three\n    overrides: [infer.diffusion.low_mem_level=3]\n"
      "  - name: two\n    overrides: [infer.diffusion.low_mem_level=2]\n";
  const Recorded together(levels + "  - name: one\n");
  const Recorded alone;
  CHECK(to_yaml(together.store.load("one").record) == to_yaml(alone.store.load("one").record));
}

TEST_CASE("an update takes over what changed, and shows it", "[regress]") {
  const Recorded recorded;
  const std::string before = read_file(recorded.store.file_of("one"));
  {
    const auto update = regress("update", recorded.file, recorded.folder.path());
    CHECK(update.out == "one: unchanged\n");
    CHECK(read_file(recorded.store.file_of("one")) == before);
  }
  const Planting copy({.copies = 1, .noise = true});
  const auto update = regress("update", recorded.file, recorded.folder.path());
  INFO(update.out);
  CHECK_THAT(update.out, ContainsSubstring("one: changed\n") &&
                             ContainsSubstring("\n-   h2d_bytes: ") &&
                             ContainsSubstring("\n+   h2d_bytes: ") &&
                             ContainsSubstring("one: the stored frames are replaced"));
  CHECK(read_file(recorded.store.file_of("one")) != before);
  const Planting again({.copies = 1, .noise = true});
  CHECK(recorded.run().code == 0);
}

TEST_CASE("times are compared with those of a reference", "[regress]") {
  const Recorded recorded("  - name: one\n    time: true\n    reference: other\n  - name: other\n");
  CHECK(recorded.store.load("one").record.time_reference == "other");
  recorded.edit([](auto& stored) { stored.record.time_ratio = 1e6; });
  const auto fast = recorded.run();
  CHECK(fast.code == 0);
  CHECK_THAT(fast.out, ContainsSubstring(" of 11"));  // the limit
  CHECK(recorded.store.load("other").record.time_ratio == std::nullopt);
}

}  // namespace
}  // namespace chitu::testing
