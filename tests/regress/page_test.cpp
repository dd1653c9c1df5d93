#include <cstdlib>
#include <optional>
#include <regex>

#include "chitu_core/common/files.h"
#include "tests/regress/in_process.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

// The page of `chitu regress run` as a browser reads it.

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;

std::optional<std::string> browser() {
  for (const char* name : {"chromium", "chromium-browser", "google-chrome", "chrome"})
    for (const char* folder : {"/usr/bin/", "/usr/local/bin/", "/snap/bin/"})
      if (fs::exists(std::string(folder) + name)) return std::string(folder) + name;
  return std::nullopt;
}

/// Counts with the browser's own means, in attributes of <body>: pictures that it could decode,
/// points of curves that lie in their drawing, errors.
constexpr const char* kProbe = R"(<script>
addEventListener('load', () => {
  const all = (what) => [...document.querySelectorAll(what)];
  const set = (name, value) => document.body.setAttribute('data-' + name, value);
  set('pictures', all('img').filter(i => i.complete && i.naturalWidth > 0).length);
  set('broken', all('img').filter(i => !i.naturalWidth).length);
  set('curves', all('svg polyline.memory').filter(c => c.getBBox().width > 0).length);
  set('outside', all('svg polyline.memory').filter(c => {
    const box = c.getBBox(), view = c.ownerSVGElement.viewBox.baseVal;
    return box.y < 0 || box.y + box.height > view.height || box.x + box.width > view.width;
  }).length);
  set('requests', performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length);
});
</script>)";

/// The document after the browser has built it.
std::string dom_of(const fs::path& page, const TemporaryFolder& folder) {
  std::string text = read_file(page);
  text.insert(text.find("</body>"), kProbe);
  write_file(folder / "probed.html", text);
  const auto run = Process({*browser(), "--headless", "--no-sandbox", "--disable-gpu",
                            "--user-data-dir=" + (folder / "profile").string(), "--dump-dom",
                            "file://" + (folder / "probed.html").string()},
                           folder.path())
                       .finish();
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  return run.out;
}

int count_of(const std::string& dom, const std::string& name) {
  std::smatch found;
  REQUIRE(std::regex_search(dom, found, std::regex("<body[^>]* data-" + name + "=\"([0-9]+)\"")));
  return std::stoi(found[1]);
}

TEST_CASE("a browser shows every case with its pictures and curves, and loads nothing else",
          "[e2e]") {
  if (!browser()) {
    WARN("skipped: no chromium is installed");
    return;
  }
  const TemporaryFolder folder;
  write_file(folder / "cases.yaml",
             tiny_cases("  - name: same\n  - name: other\n    overrides: [request.seed=1]\n"));
  REQUIRE(chitu({"regress", "record", "cases.yaml"}, folder.path()).exit_code == 0);
  std::string cases = read_file(folder / "cases.yaml");
  cases.replace(cases.find("request.seed=1"), 14, "request.seed=2");
  write_file(folder / "cases.yaml", cases);
  REQUIRE(chitu({"regress", "run", "cases.yaml"}, folder.path()).exit_code == 1);
  const std::string dom = dom_of(folder / "outputs/regress/report.html", folder);
  CHECK_THAT(dom, ContainsSubstring("id=\"summary\">2 cases: 1 passed, 1 regressed</p>"));
  CHECK_THAT(dom, ContainsSubstring("id=\"case-same\" data-passed=\"true\""));
  CHECK_THAT(dom, ContainsSubstring("id=\"case-other\" data-passed=\"false\""));
  CHECK(count_of(dom, "pictures") == 2 * 5 * 3);  // record, this run, difference
  CHECK(count_of(dom, "broken") == 0);
  CHECK(count_of(dom, "curves") == 2 * 2);
  CHECK(count_of(dom, "outside") == 0);
  CHECK(count_of(dom, "requests") == 0);
}

}  // namespace
}  // namespace chitu::testing
