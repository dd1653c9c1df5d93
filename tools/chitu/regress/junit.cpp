#include <fmt/format.h>

#include <algorithm>

#include "pipelines/compare/html.h"
#include "tools/chitu/regress/regress_report.h"

namespace chitu::tools {
namespace {

std::string escaped(const std::string& text) { return pipelines::html::escaped(text); }

std::string joined_findings(const Verdict& verdict) {
  std::string text;
  for (const Finding& finding : verdict.regressions) text += finding.text + "\n";
  return text;
}

std::string failure(const Verdict& verdict) {
  const Finding& first = verdict.regressions.front();
  return fmt::format("   <failure type=\"{}\" message=\"{}\">{}</failure>\n", name_of(first.kind),
                     escaped(first.text), escaped(joined_findings(verdict)));
}

std::string test_case(const Verdict& verdict, const std::string& suite) {
  std::string text = fmt::format("  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\">\n",
                                 escaped(suite), escaped(verdict.name), verdict.seconds);
  if (!verdict.error.empty())
    text += fmt::format("   <error type=\"error\" message=\"{}\"/>\n", escaped(verdict.error));
  if (!verdict.regressions.empty()) text += failure(verdict);
  std::string notes;
  for (const std::string& note : verdict.notes) notes += note + "\n";
  if (!notes.empty()) text += fmt::format("   <system-out>{}</system-out>\n", escaped(notes));
  return text + "  </testcase>\n";
}

}  // namespace

std::string to_junit(const std::vector<CaseReport>& cases, const std::string& suite) {
  double seconds = 0;
  std::size_t failures = 0, errors = 0;
  std::string tests;
  for (const CaseReport& report : cases) {
    const Verdict& verdict = report.verdict;
    seconds += verdict.seconds;
    errors += verdict.error.empty() ? 0U : 1U;
    failures += verdict.error.empty() && !verdict.passed() ? 1U : 0U;
    tests += test_case(verdict, suite);
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n <testsuite name=\"{}\" "
      "tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3f}\">\n{} </testsuite>\n"
      "</testsuites>\n",
      escaped(suite), cases.size(), failures, errors, seconds, tests);
}

}  // namespace chitu::tools
