#include "tools/chitu/regress/cases_file.h"

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "tests/regress/in_process.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::testing {
namespace {

using Catch::ContainsSubstring;
using tools::read_cases;

struct File {
  TemporaryFolder folder;
  std::filesystem::path path = folder / "cases.yaml";

  explicit File(const std::string& text) {
    pipelines::register_chitu_resolver();
    write_file(path, text);
  }
  std::string problem() const {
    try {
      read_cases(path, {});
      return "none";
    } catch (const InputError& error) {
      return error.what();
    }
  }
};

TEST_CASE("a case has its own keys, then those of defaults", "[regress]") {
  const File file(
      "records: golden\n"
      "defaults:\n"
      "  overrides: [model=demo, request.seed=1]\n"
      "  prompt: a cat, on the grass\n"
      "  psnr: 30\n"
      "  tolerance: {peak: 1MiB}\n"
      "cases:\n"
      "  - name: a\n"
      "  - name: b\n"
      "    overrides: [request.seed=2]\n"
      "    mode: tolerance\n"
      "    psnr: 50\n"
      "    tolerance: {bytes: 5%}\n"
      "    stored_frames: 3\n");
  const auto cases = read_cases(file.path, {});
  CHECK(cases.records == file.folder / "golden");
  REQUIRE(cases.cases.size() == 2);
  const auto &a = cases.cases[0], &b = cases.cases[1];
  CHECK(a.mode == tools::FrameMode::exact);
  CHECK(a.least_psnr_db == 30);
  CHECK(a.least_ssim == 0.99);
  CHECK(a.composition.config.at("request.seed").as_integer() == 1);
  CHECK(a.composition.config.at("request.prompt").as_string() == "a cat, on the grass");
  CHECK(b.mode == tools::FrameMode::tolerance);
  CHECK(b.least_psnr_db == 50);
  CHECK(b.tolerance.peak->bytes == 1 << 20);
  CHECK(b.tolerance.bytes->share == Catch::Approx(0.05));
  CHECK(b.composition.config.at("request.seed").as_integer() == 2);
  CHECK(b.stored_frames == 3);
  CHECK(b.about("x") == file.path.string() + ":9: case b: x");
}

TEST_CASE("what is wrong in a cases file has one line with file and line", "[regress]") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"cases:\n  - name: a\n  - name: b\n  - name: a\n",
       ":4: two cases are named a; the other is at "},
      {"cases:\n  - name: a\n    mod: exact\n",
       ":3: cases[0].mod: unknown key, did you mean mode?"},
      {"cases:\n  - name: a\n    mode: exakt\n", ":3: cases[0].mode: expected one of exact, "},
      {"case:\n  - name: a\n", ":1: case: unknown key, did you mean cases?"},
      {"cases: []\n", ":1: cases: has none"},
      {"cases:\n  - overrides: []\n", "cases[0].name: "},
      {"cases:\n  - name: a/b\n", ":2: cases[0].name: expected letters, digits"},
      {"cases:\n  - name: a\n    psnr: -3\n", ":3: cases[0].psnr: expected 0 to 1000"},
      {"cases:\n  - name: a\n    tolerance: {peek: 1MiB}\n",
       ":3: cases[0].tolerance.peek: unknown"},
      {"cases:\n  - name: a\n    tolerance: {peak: lots}\n", ":3: cases[0].tolerance.peak: expec"},
      {"cases:\n  - name: a\n    tolerance: {peak: 1}\n",
       ":3: cases[0].tolerance.peak: expected a unit, such as 1MiB or 5%, got 1"},
      {"defaults:\n  tolerance:\n    bytes: 0.5\ncases:\n  - name: a\n",
       ":3: defaults.tolerance.bytes: expected a unit, such as 1MiB or 5%, got 0.5"},
      {"cases:\n  - name: a\n    time: true\n", ":3: time: expected also reference"},
      {"cases:\n  - name: aa\n    reference: ab\n",
       ":3: reference: expected the name of a case, got ab, did you mean aa?"},
      {"cases:\n  - name: a\n    overrides:\n      - model=demo\n      - reqest.seed=1\n",
       ":5: case a: "},
      {"defaults:\n  overrides:\n    - infer.dtyp=x\ncases:\n  - name: a\n", ":3: case a: "},
      {"cases:\n  - name: a\n    prompt: [\n", ":4:1: expected"},
  }));
  INFO(text);
  const File file(text);
  const std::string problem = file.problem();
  CHECK_THAT(problem, Catch::StartsWith(file.path.string()) && ContainsSubstring(expected));
}

TEST_CASE("cases are chosen by name, with the reference of a timed one", "[regress]") {
  const File file(
      "defaults: {overrides: [model=demo], prompt: x}\n"
      "cases:\n  - name: base\n  - name: timed\n    time: true\n    reference: base\n"
      "  - name: other\n");
  const auto names = [&](const std::vector<std::string>& only) {
    std::vector<std::string> found;
    for (const auto& read : read_cases(file.path, only).cases) found.push_back(read.name);
    return found;
  };
  CHECK(names({"other"}) == std::vector<std::string>{"other"});
  CHECK(names({"timed"}) == std::vector<std::string>{"base", "timed"});
  CHECK_THROWS_WITH(names({"othr"}),
                    ContainsSubstring("--case othr: ") && ContainsSubstring("did you mean other?"));
}

}  // namespace
}  // namespace chitu::testing
