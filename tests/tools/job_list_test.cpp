#include "tools/chitu/batch/job_list.h"

#include "chitu_core/common/error.h"
#include "chitu_core/config/value/text.h"
#include "tests/support/catch.h"
#include "tools/chitu/batch/csv.h"
#include "tools/chitu/batch/job_expansion.h"

namespace chitu::tools {
namespace {

using Catch::ContainsSubstring;
using Words = std::vector<std::string>;

std::vector<ListedJob> jobs_of(JobFormat format, const std::string& text, const Words& fixed = {}) {
  return expand_jobs(read_job_list({"jobs", text, format}), "jobs", fixed);
}

/// "prompt=a seed=1": the fields of a job, the last of each key.
std::string fields_text(const ListedJob& job) {
  std::string text;
  for (std::size_t i = 0; i < job.fields.size(); ++i) {
    const JobField& field = job.fields[i];
    bool is_last = true;
    for (std::size_t k = i + 1; k < job.fields.size(); ++k)
      if (job.fields[k].key == field.key) is_last = false;
    if (is_last)
      text += (text.empty() ? "" : " ") + field.key + "=" + config::python_text(field.value);
  }
  return text;
}

Words texts_of(const std::vector<ListedJob>& jobs) {
  Words texts;
  for (const ListedJob& job : jobs) texts.push_back(fields_text(job));
  return texts;
}

std::string refusal(JobFormat format, const std::string& text) {
  try {
    jobs_of(format, text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("a list of jobs reads alike in every format", "[batch]") {
  const Words expected{"request.prompt=a cat request.seed=1",
                       "request.prompt=a dog, \"big\" request.seed=2"};
  CHECK(texts_of(jobs_of(JobFormat::yaml,
                         "- prompt: a cat\n  seed: 1\n- {prompt: 'a dog, \"big\"', seed: 2}\n")) ==
        expected);
  CHECK(texts_of(jobs_of(JobFormat::json,
                         R"([{"prompt": "a cat", "seed": 1},
                             {"prompt": "a dog, \"big\"", "request.seed": 2}])")) == expected);
  CHECK(texts_of(jobs_of(JobFormat::jsonl,
                         "{\"prompt\": \"a cat\", \"seed\": 1}\n\n"
                         "{\"request\": {\"prompt\": \"a dog, \\\"big\\\"\", \"seed\": 2}}\r\n")) ==
        expected);
  CHECK(texts_of(jobs_of(JobFormat::csv,
                         "prompt,seed\r\na cat,1\r\n\"a dog, \"\"big\"\"\", 2\r\n")) == expected);
}

TEST_CASE("a text file has a prompt in every line, taken as it is", "[batch]") {
  CHECK(
      texts_of(jobs_of(JobFormat::text, "a cat\n\n  ${x} = [1, 2  \r\n# no comment")) ==
      Words{"request.prompt=a cat", "request.prompt=${x} = [1, 2", "request.prompt=# no comment"});
  CHECK(texts_of(jobs_of(JobFormat::yaml, "[a cat, a dog]")) ==
        Words{"request.prompt=a cat", "request.prompt=a dog"});
}

TEST_CASE("defaults and matrix expand, the last key fastest", "[batch]") {
  const auto jobs = jobs_of(JobFormat::yaml,
                            "defaults: {seed: 7, width: 64}\n"
                            "matrix:\n"
                            "  prompt: [a, b]\n"
                            "  seed: [1, 2]\n");
  CHECK(texts_of(jobs) == Words{"request.width=64 request.prompt=a request.seed=1",
                                "request.width=64 request.prompt=a request.seed=2",
                                "request.width=64 request.prompt=b request.seed=1",
                                "request.width=64 request.prompt=b request.seed=2"});
  CHECK(jobs[1].place == "jobs:1 (prompt=a, seed=2)");
  CHECK(texts_of(jobs_of(JobFormat::yaml,
                         "jobs: [a, {prompt: b, fps: 8}]\nmatrix: {seed: 'range(1,3)'}")) ==
        Words{"request.seed=1 request.prompt=a", "request.seed=2 request.prompt=a",
              "request.seed=1 request.prompt=b request.fps=8",
              "request.seed=2 request.prompt=b request.fps=8"});
}

TEST_CASE("the matrix does not vary a key that the command line sets", "[batch]") {
  CHECK(
      jobs_of(JobFormat::yaml, "jobs: [a]\nmatrix: {seed: [1, 2], fps: [8, 16]}", {"request.seed"})
          .size() == 2);
}

TEST_CASE("overrides of an entry win over its fields", "[batch]") {
  CHECK(texts_of(jobs_of(JobFormat::yaml,
                         "- overrides: [seed=3, 'output.format=[mp4,gif]']\n  prompt: a\n"
                         "  seed: 1\n")) ==
        Words{"request.prompt=a request.seed=3 output.format=['mp4', 'gif']"});
  CHECK(texts_of(jobs_of(JobFormat::csv,
                         "overrides,prompt\n\"[seed=3, fps=8]\",a\noutput.format=gif,b\n,c\n")) ==
        Words{"request.prompt=a request.seed=3 request.fps=8", "request.prompt=b output.format=gif",
              "request.prompt=c"});
}

TEST_CASE("an empty cell sets nothing, an empty text in quotes does", "[batch]") {
  CHECK(texts_of(jobs_of(JobFormat::csv, "prompt,negative_prompt,seed\na,,\nb,\"\",2\n")) ==
        Words{"request.prompt=a", "request.prompt=b request.negative_prompt= request.seed=2"});
}

TEST_CASE("a cell that is no value of an override is a text, for its key to refuse", "[batch]") {
  CHECK(texts_of(jobs_of(JobFormat::csv, "prompt,seed\na,\"1,2\"\nb,[x")) ==
        Words{"request.prompt=a request.seed=1,2", "request.prompt=b request.seed=[x"});
}

TEST_CASE("cells in quotes may hold line breaks, and rows know their lines", "[batch]") {
  const auto rows = read_csv("a,b\n\"x\ny\",1\n\nz,2", "list.csv");
  REQUIRE(rows.size() == 3);
  CHECK(rows[1].cells[0].text == "x\ny");
  CHECK(rows[1].line == 2);
  CHECK(rows[2].line == 5);
  CHECK(read_csv("", "list.csv").empty());
  CHECK(csv_cell("a, \"b\"") == "\"a, \"\"b\"\"\"");
  CHECK(csv_cell("plain") == "plain");
}

TEST_CASE("a broken list is refused with its line", "[batch]") {
  using F = JobFormat;
  CHECK(refusal(F::csv, "prompt,seed\na,1\nb,2,3\n") ==
        "jobs:3: 3 fields, expected 2 as in the header (prompt, seed); a field with commas stands "
        "in quotes");
  CHECK(refusal(F::csv, "prompt\n\"a\nb") == "jobs:2: a quoted field is not closed");
  CHECK_THAT(refusal(F::csv, "prompt\n\"a\" b\n"),
             Catch::StartsWith("jobs:2: text behind a quoted field"));
  CHECK_THAT(refusal(F::csv, "prompt\na \"b\" c\n"),
             Catch::StartsWith("jobs:2: a quote inside a field that is not in quotes"));
  CHECK(refusal(F::csv, "seed,prompt,seed\n1,a,2") ==
        "jobs:1: seed: stands twice in the header, expected one of the two");
  CHECK_THAT(refusal(F::csv, "prompt,,seed\n"), Catch::StartsWith("jobs:1: \"\" in the header"));
  CHECK_THAT(refusal(F::csv, "prompt;seed\na;1"),
             Catch::StartsWith("jobs:1: \"prompt;seed\" in the header is no name of a field"));
  CHECK(refusal(F::jsonl, "{\"prompt\": \"a\"}\n{\"prompt\": \"b\"\n") ==
        "jobs:2: JSON ends before it is complete");
  CHECK_THAT(refusal(F::jsonl, "\"a\"\nb\n"), Catch::StartsWith("jobs:2: not valid JSON at"));
  CHECK(refusal(F::jsonl, "{\"prompt\": \"a\", \"prompt\": \"b\"}") ==
        "jobs:1: the key \"prompt\" stands twice");
  CHECK(refusal(F::json, "[\n{\"prompt\": \"a\"},\n{\"seed\": 1,\n \"request.seed\": 2}]") ==
        "jobs:4: request.seed: stands twice in this entry, expected one of the two");
  CHECK_THAT(refusal(F::json, "7"), ContainsSubstring("expected a list of jobs, or a map with"));
  CHECK_THAT(refusal(F::yaml, "- prompt: a\n- [b]\n"),
             Catch::StartsWith("jobs:2: expected a job, which is a prompt or a map of fields"));
  CHECK_THAT(refusal(F::yaml, "- prompt: [a\n"), Catch::StartsWith("jobs:"));
  CHECK(refusal(F::yaml, "jobs: [a]\ndefault: {seed: 1}\n") ==
        "jobs:2: default: unknown part of a job list, expected defaults, matrix, jobs, did you "
        "mean defaults?");
  CHECK_THAT(refusal(F::yaml, "jobs: [{prompt: a, seed: 1}]\nmatrix: {seed: [1, 2]}\n"),
             Catch::StartsWith("jobs:1: seed: is also in matrix (jobs:2)"));
  CHECK_THAT(refusal(F::yaml, "jobs: [a]\nmatrix: {seed: []}\n"),
             Catch::StartsWith("jobs:2: matrix.seed: has no values, expected a list"));
  CHECK_THAT(refusal(F::yaml, "- prompt: a\n  overrides: [seed=1,2]\n"),
             ContainsSubstring("jobs:2: "));
  CHECK_THAT(refusal(F::yaml, "- prompt: a\n  overrides: ['~seed']\n"),
             Catch::StartsWith("jobs:2: ~seed: expected request.KEY=VALUE"));
  CHECK_THAT(refusal(F::yaml, "- {prompt: a, overrides: ['seed=[1']}\n"),
             Catch::StartsWith("jobs:1: request.seed=[1"));
  for (const JobFormat format : {F::yaml, F::jsonl, F::csv, F::text})
    CHECK(refusal(format, "") == "jobs: has no jobs, expected at least one prompt");
}

TEST_CASE("the format of standard input is recognised", "[batch]") {
  CHECK(recognise_format("a cat on the grass\nand, a dog\n") == JobFormat::text);
  CHECK(recognise_format("[\"a\"]") == JobFormat::json);
  CHECK(recognise_format("{\n\"jobs\": []}") == JobFormat::json);
  CHECK(recognise_format("{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}") == JobFormat::jsonl);
  CHECK(recognise_format("prompt,seed\na,1\n") == JobFormat::csv);
  CHECK(recognise_format("\n- prompt: a\n") == JobFormat::yaml);
  CHECK(recognise_format("defaults: {seed: 1}\n") == JobFormat::yaml);
}

}  // namespace
}  // namespace chitu::tools
