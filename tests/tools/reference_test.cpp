#include <cstdlib>

#include "chitu_core/common/files.h"
#include "chitu_core/config/value/json.h"
#include "pipelines/settings/settings.h"
#include "tests/support/catch.h"
#include "tests/support/key_reference.h"

namespace chitu::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIntroduction = R"(# Keys of the configuration

Every key that `chitu run` reads, generated from the program. `chitu config` prints the values,
`chitu config --explain KEY` shows which file or override set one. The configuration is composed from
the YAML files in this folder: `chitu.yaml` first, then one file of each group that it names.
`model=NAME`, `infer=NAME` and so on choose another file of a group. Editors that check YAML can use
`schema.json`.

A size is a number with a unit, such as 8GiB, 8GB or 512MiB. A number up to 1024 without a unit
counts GiB; above that, a unit is required. A bandwidth is a size with or without `/s`: 28.8GB/s.

)";

/// Compares a generated file with the one in the tree, or writes it when CHITU_UPDATE_REFERENCE is
/// set.
void check_generated(const std::string& name, const std::string& text) {
  const fs::path file = fs::path(CHITU_SOURCE_DIR) / "config" / name;
  if (std::getenv("CHITU_UPDATE_REFERENCE")) write_file(file, text);
  INFO(name << " is stale; CHITU_UPDATE_REFERENCE=1 tools/test -L unit -R tools updates it");
  CHECK(read_file(file) == text);
}

TEST_CASE("the reference of all keys is current", "[tools]") {
  const auto fields = config::describe_fields<pipelines::Settings>();
  check_generated("README.md", kIntroduction + testing::fields_markdown(fields));
  check_generated("schema.json",
                  config::to_json(testing::fields_schema(fields, "chitu run"), 1) + "\n");
}

}  // namespace
}  // namespace chitu::tools
