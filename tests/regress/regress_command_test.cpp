#include <algorithm>
#include <nlohmann/json.hpp>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/files.h"
#include "tests/regress/in_process.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

// `chitu regress` and `chitu compare` as a user runs them.

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;
using Words = std::vector<std::string>;

const char* const kLevels =
    "  - name: zero\n  - name: three\n    overrides: [infer.diffusion.low_mem_level=3]\n";

struct Project {
  TemporaryFolder folder;

  explicit Project(const std::string& cases = kLevels) {
    write_file(folder / "cases.yaml", tiny_cases(cases));
  }
  Finished regress(const std::string& action, const Words& more = {},
                   const Words& before = {}) const {
    Words words = before;
    words.insert(words.end(), {chitu_command(), "regress", action, "cases.yaml"});
    words.insert(words.end(), more.begin(), more.end());
    return Process(words, folder.path()).finish();
  }
};

bool is_one_line(const std::string& text) {
  return std::ranges::count(text, '\n') == 1 && text.ends_with('\n');
}

void check_input_error(const Finished& run, const std::string& expected) {
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK(run.out.empty());
  CHECK(is_one_line(run.err));
  CHECK_THAT(run.err, ContainsSubstring(expected));
}

TEST_CASE("cases are recorded once, then run and updated", "[e2e]") {
  const Project project;
  check_input_error(project.regress("run"),
                    "case zero: has no record records/zero.yaml; `chitu "
                    "regress record` writes it");
  const auto recorded = project.regress("record");
  INFO(recorded.err);
  CHECK(recorded.exit_code == 0);
  CHECK(recorded.out == "records/zero.yaml\nrecords/three.yaml\n");
  check_input_error(project.regress("record"), "records/zero.yaml: is there already");
  const auto run = project.regress("run", {"--out", "report"});
  INFO(run.out << run.err);
  CHECK(run.exit_code == 0);
  CHECK(run.err.empty());
  CHECK_THAT(run.out, ContainsSubstring("2 cases: 2 passed\nreport/report.html\n"));
  CHECK(fs::exists(project.folder / "report/junit.xml"));
  const auto json = project.regress("run", {"--json", "--case", "three"});
  CHECK(nlohmann::json::parse(json.out).at("cases").at(0).at("name") == "three");
  CHECK(project.regress("update").out == "zero: unchanged\nthree: unchanged\n");
}

TEST_CASE("a changed configuration regresses, and an update takes it", "[e2e]") {
  const Project project;
  REQUIRE(project.regress("record").exit_code == 0);
  std::string text = read_file(project.folder / "cases.yaml");
  text.replace(text.find("low_mem_level=3"), 15, "low_mem_level=0");
  write_file(project.folder / "cases.yaml", text);
  const auto run = project.regress("run");
  INFO(run.out << run.err);
  CHECK(run.exit_code == 1);
  CHECK_THAT(run.out, ContainsSubstring("three: regressed: stage denoise: peak "));
  const std::string before = read_file(project.folder / "records/three.yaml");
  CHECK_THAT(project.regress("update", {"--dry-run"}).out, ContainsSubstring("+   peak_bytes: "));
  CHECK(read_file(project.folder / "records/three.yaml") == before);
  CHECK(project.regress("update").exit_code == 0);
  CHECK(read_file(project.folder / "records/three.yaml") != before);
  CHECK(project.regress("run").exit_code == 0);
}

TEST_CASE("with fewer instructions, memory and bytes hold and frames are near", "[e2e]") {
  if (machine_capability() == CpuCapability::baseline) return;  // there are no fewer
  const Project project;
  REQUIRE(project.regress("record").exit_code == 0);
  const auto run = project.regress("run", {}, {"/usr/bin/env", "CHITU_CPU_CAPABILITY=default"});
  INFO(run.out << run.err);
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.out, ContainsSubstring("zero: compared by tolerance: no frames are approved for "
                                        "sim, default, ") ||
                          ContainsSubstring("zero: frames are those approved for sim, "));
  const auto update =
      project.regress("update", {}, {"/usr/bin/env", "CHITU_CPU_CAPABILITY=default"});
  CHECK(update.exit_code == 0);
  CHECK_THAT(update.out, ContainsSubstring("+   cpu: default"));
  for (const Words& limit : {Words{}, Words{"/usr/bin/env", "CHITU_CPU_CAPABILITY=default"}}) {
    const auto again = project.regress("run", {}, limit);
    CHECK(again.exit_code == 0);
    CHECK_THAT(again.out, !ContainsSubstring("zero: "));
  }
}

TEST_CASE("wrong input of regress is one line and exit code 2, before any case runs", "[e2e]") {
  const Project project;
  check_input_error(project.regress("runn"), "expected one of run, record, update, got runn");
  check_input_error(project.regress("record", {"--dry-run"}), "--dry-run is a flag of another");
  check_input_error(project.regress("record", {"--case", "two"}), "--case two: cases.yaml has no");
  const Project wide("  - name: good\n  - name: wide\n    overrides: [request.width=40]\n");
  check_input_error(wide.regress("record"), "cases.yaml:6: case wide: request.width");
  CHECK_FALSE(fs::exists(wide.folder / "records"));
  write_file(project.folder / "file", "");
  REQUIRE(project.regress("record").exit_code == 0);
  check_input_error(project.regress("run", {"--out", "file"}), "--out file: ");
  write_file(project.folder / "records/three.yaml", "record_version: 1\n");
  check_input_error(project.regress("run"), "records/three.yaml:1: the record is cut short");
}

TEST_CASE("compare ends with 0, 1 or 2 and prints what it found", "[e2e]") {
  const TemporaryFolder folder;
  const auto run = [&](const std::string& name, const Words& more) {
    Words words{"run",
                of_tiny_model(),
                "prompt=cat",
                "width=32",
                "height=32",
                "num_frames=5",
                "num_inference_steps=2",
                "device=sim",
                "output.format=frames",
                "hydra.run.dir=" + name};
    words.insert(words.end(), more.begin(), more.end());
    REQUIRE(chitu(words, folder.path()).exit_code == 0);
  };
  run("a", {});
  run("same", {});
  run("seed", {"seed=5"});
  const auto compare = [&](const Words& words) {
    Words all{"compare"};
    all.insert(all.end(), words.begin(), words.end());
    return chitu(all, folder.path());
  };
  const auto same = compare({"a", "same"});
  INFO(same.out << same.err);
  CHECK(same.exit_code == 0);
  CHECK_THAT(same.out, ContainsSubstring("frames: all 5 identical") &&
                           ContainsSubstring("\nwithin the tolerance\n"));
  const auto other = compare({"a", "seed", "--html", "page.html"});
  CHECK(other.exit_code == 1);
  CHECK_THAT(other.out, ContainsSubstring("beyond the tolerance: frame 0: "));
  CHECK_THAT(read_file(folder / "page.html"), ContainsSubstring("id=\"verdict\" class=\"fail\""));
  CHECK(compare({"a", "seed", "--tolerance", "psnr=1", "--tolerance", "ssim=-1"}).exit_code == 0);
  CHECK(compare({"a/frames", "same"}).exit_code == 0);
  CHECK(compare({"a/metrics.json", "seed/metrics.json"}).exit_code == 1);
  const auto json = compare({"a", "seed", "--json"});
  CHECK(json.exit_code == 1);
  CHECK(nlohmann::json::parse(json.out).at("within") == false);
  check_input_error(compare({"a", "none"}), "error: none: no such file or folder");
  check_input_error(compare({"a", "same", "--tolerance", "psmr=1"}), "did you mean psnr?");
  check_input_error(compare({"a", "same", "--html", "none/x.html"}), "--html none/x.html: ");
}

}  // namespace
}  // namespace chitu::testing
