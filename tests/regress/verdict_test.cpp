#include "tools/chitu/regress/verdict.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "chitu_core/common/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"
#include "tools/chitu/regress/record_update.h"
#include "tools/chitu/regress/regress_report.h"

namespace chitu::tools {
namespace {

using Catch::ContainsSubstring;

const MachineKey kHere{"sim", "avx512", "0a1b2c3d", "2.13.0"};
const MachineKey kElsewhere{"sim", "avx2", "0a1b2c3d", "2.13.0"};

CaseOutcome outcome_of(const at::Tensor& frames, const MachineKey& key,
                       const std::string& device = "sim") {
  CaseOutcome outcome;
  outcome.frames = frames;
  outcome.digest = io::digest_of(frames);
  outcome.key = key;
  outcome.figures.device = device;
  pipelines::StageFigures stage;
  stage.name = "denoise";
  stage.peak_bytes = 1 << 20;
  stage.h2d_bytes = 1000;
  stage.loads = 1;
  outcome.figures.stages = {stage};
  return outcome;
}

at::Tensor grey(int level) { return at::full({3, 16, 16, 3}, level, at::kByte); }

/// One level away in one pixel.
at::Tensor near(const at::Tensor& frames) {
  at::Tensor other = frames.clone();
  other[1][2][3][0].add_(1);
  return other;
}

RegressCase a_case(FrameMode mode = FrameMode::exact) {
  RegressCase made;
  made.name = "one";
  made.mode = mode;
  return made;
}

const StoredRecord& recorded() {
  static const StoredRecord record = new_record(a_case(), outcome_of(grey(100), kHere));
  return record;
}

std::string texts_of(const Verdict& verdict) {
  std::string text;
  for (const Finding& finding : verdict.regressions) text += finding.text + "\n";
  for (const std::string& note : verdict.notes) text += note + "\n";
  return text;
}

TEST_CASE("approved sums pass, those of another key with a note", "[regress]") {
  CHECK(texts_of(judge(a_case(), recorded(), outcome_of(grey(100), kHere))).empty());
  const auto other = judge(a_case(), recorded(), outcome_of(grey(100), kElsewhere));
  CHECK(other.passed());
  CHECK(texts_of(other) ==
        "frames are those approved for sim, avx512, processor 0a1b2c3d, libtorch 2.13.0\n");
}

TEST_CASE("each clip that is approved for a key is right", "[regress]") {
  StoredRecord two = recorded();
  two.record.approved.push_back({kHere, io::digest_of(near(grey(100))).each});
  CHECK(judge(a_case(), two, outcome_of(near(grey(100)), kHere)).passed());
  CHECK(judge(a_case(), two, outcome_of(grey(100), kHere)).passed());
}

TEST_CASE("without sums for the machine, frames are compared by tolerance, with a note",
          "[regress]") {
  const auto verdict = judge(a_case(), recorded(), outcome_of(near(grey(100)), kElsewhere));
  CHECK(verdict.passed());
  CHECK_THAT(texts_of(verdict), ContainsSubstring("compared by tolerance: no frames are approved "
                                                  "for sim, avx2, processor"));
  const auto far = judge(a_case(), recorded(), outcome_of(grey(110), kElsewhere));
  CHECK_FALSE(far.passed());
  CHECK_THAT(texts_of(far), ContainsSubstring("frame 0: PSNR 28.13 dB, SSIM "));
}

TEST_CASE("a run shared by other ranks is compared by tolerance, with a note", "[regress]") {
  MachineKey ranks = kHere;
  ranks.ranks = "cp_size 2, cfg_size 1, up null, auto";
  CaseOutcome worse = outcome_of(near(grey(100)), ranks);
  worse.figures.stages[0].peak_bytes *= 2;
  const auto verdict = judge(a_case(), recorded(), worse);
  CHECK(verdict.passed());
  CHECK_THAT(
      texts_of(verdict),
      ContainsSubstring("no frames are approved for sim, avx512, processor 0a1b2c3d, libtorch "
                        "2.13.0, ranks of cp_size 2, cfg_size 1, up null, auto") &&
          ContainsSubstring("memory, bytes and loads are not compared: the record is of one "
                            "process, this run is of ranks of cp_size 2"));
  // A record of its own compares to the byte, and an update there adds sums alone.
  const StoredRecord own = new_record(a_case(), outcome_of(near(grey(100)), ranks));
  CHECK_FALSE(judge(a_case(), own, worse).passed());
  const auto update = updated_record(a_case(), recorded(), worse, {});
  CHECK(update.stored.record.approved.size() == 2);
  CHECK(update.stored.record.ranks.empty());
  CHECK((update.stored.record.stages == recorded().record.stages));
}

TEST_CASE("mode tolerance forgives other sums on the same machine", "[regress]") {
  CHECK_FALSE(judge(a_case(), recorded(), outcome_of(near(grey(100)), kHere)).passed());
  const auto verdict =
      judge(a_case(FrameMode::tolerance), recorded(), outcome_of(near(grey(100)), kHere));
  CHECK(verdict.passed());
  auto strict = a_case(FrameMode::tolerance);
  strict.least_psnr_db = 90;
  CHECK_FALSE(judge(strict, recorded(), outcome_of(near(grey(100)), kHere)).passed());
}

TEST_CASE("another number of frames fails in every mode", "[regress]") {
  const auto shorter = outcome_of(grey(100).slice(0, 0, 2), kHere);
  for (const FrameMode mode : {FrameMode::exact, FrameMode::tolerance})
    CHECK_THAT(texts_of(judge(a_case(mode), recorded(), shorter)),
               ContainsSubstring("2 frames of 16x16, the record has 3 of 16x16"));
}

TEST_CASE("a record of another device is not compared", "[regress]") {
  const auto verdict = judge(a_case(), recorded(), outcome_of(grey(100), kHere, "cuda:0"));
  CHECK_THAT(texts_of(verdict),
             ContainsSubstring("the record is of device sim, this run is on cuda:0"));
}

TEST_CASE("the resident set of the CPU is not recorded", "[regress]") {
  const auto stored = new_record(a_case(), outcome_of(grey(100), kHere, "cpu"));
  CHECK_FALSE(stored.record.stages[0].peak_bytes.has_value());
  auto more = outcome_of(grey(100), kHere, "cpu");
  more.figures.stages[0].peak_bytes += 1 << 20;
  CHECK(judge(a_case(), stored, more).passed());
}

TEST_CASE("growth within the tolerance of a case passes", "[regress]") {
  auto more = outcome_of(grey(100), kHere);
  more.figures.stages[0].h2d_bytes = 1050;
  more.figures.stages[0].loads = 2;
  auto loose = a_case();
  CHECK(judge(loose, recorded(), more).regressions.size() == 2);
  loose.tolerance.bytes = config::Amount{0, 0.05};
  loose.tolerance.loads = 1;
  CHECK(judge(loose, recorded(), more).passed());
  more.figures.stages[0].h2d_bytes = 1051;
  CHECK_FALSE(judge(loose, recorded(), more).passed());
}

std::vector<CaseReport> two_reports() {
  std::vector<CaseReport> reports(2);
  reports[0].stored = recorded();
  reports[0].outcome = outcome_of(near(grey(100)), kHere);
  reports[0].verdict = judge(a_case(), reports[0].stored, *reports[0].outcome);
  reports[1].verdict.name = "two";
  reports[1].verdict.error = "a <b> & \"c\"";
  return reports;
}

TEST_CASE("the reports count what failed and say why", "[regress]") {
  const auto reports = two_reports();
  CHECK(summary(reports) == "2 cases: 0 passed, 1 regressed, 1 did not run");
  const auto json = to_json(reports);
  CHECK(json.at("passed") == false);
  CHECK(json.at("cases").at(0).at("regressions").at(0).at("kind") == "frames");
  CHECK(json.at("cases").at(1).at("error") == "a <b> & \"c\"");
  const std::string junit = to_junit(reports, "cases.yaml");
  CHECK_THAT(junit, ContainsSubstring("<testsuite name=\"cases.yaml\" tests=\"2\" failures=\"1\" "
                                      "errors=\"1\""));
  CHECK_THAT(junit, ContainsSubstring(
                        "<error type=\"error\" message=\"a &lt;b&gt; &amp; &quot;c&quot;\"/>"));
}

/// Reads the file as XML, and prints a line for each test case with what is in it.
constexpr const char* kReadJunit = R"(
import sys, xml.etree.ElementTree as tree
suites = tree.parse(sys.argv[1]).getroot()
for suite in suites:
    print(suites.tag, suite.tag, [suite.get(key) for key in ('name', 'tests', 'failures', 'errors')])
    for case in suite:
        float(case.get('time'))
        print(case.tag, case.get('classname'), case.get('name'))
        for part in case:
            print('', part.tag, part.get('type'), ascii(part.get('message') or part.text))
)";

TEST_CASE("junit.xml is XML whatever a message holds, and has what CI services read", "[regress]") {
  if (!std::filesystem::exists("/usr/bin/python3")) {
    WARN("skipped: no /usr/bin/python3 to read XML with");
    return;
  }
  auto reports = two_reports();
  reports[1].verdict.error = "a <b> & \"c\"\x01\xff\n]]>";
  reports[0].verdict.notes = {"near"};
  const testing::TemporaryFolder folder;
  write_file(folder / "junit.xml", to_junit(reports, "a&b.yaml"));
  const auto read =
      testing::Process({"/usr/bin/python3", "-c", kReadJunit, "junit.xml"}, folder.path()).finish();
  INFO(read.err);
  CHECK(read.exit_code == 0);
  CHECK_THAT(read.out,
             Catch::StartsWith("testsuites testsuite ['a&b.yaml', '2', '1', '1']\n"
                               "testcase a&b.yaml one\n failure frames '1 of 3 frames differ ") &&
                 Catch::EndsWith("\n system-out None 'near\\n'\ntestcase a&b.yaml two\n"
                                 " error error 'a <b> & \"c\"\\ufffd ]]>'\n"));
}

TEST_CASE("time that stays above its limit is a regression", "[regress]") {
  Verdict verdict;
  add_time({.ratio = 1.5, .limit = 2, .rounds = 1, .slow = false}, verdict);
  CHECK(verdict.passed());
  add_time({.ratio = 2.5, .limit = 2, .rounds = 5, .slow = true}, verdict);
  CHECK(texts_of(verdict) == "time: 2.500 of its reference, at most 2.000, in 5 rounds\n");
}

}  // namespace
}  // namespace chitu::tools
