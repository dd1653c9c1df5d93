#include "tools/chitu/command_line.h"

#include "pipelines/composition/short_forms.h"
#include "tests/support/catch.h"

namespace chitu::tools {
namespace {

TEST_CASE("short forms of a request's keys are written out, other keys are not", "[tools]") {
  CHECK(pipelines::expand_short_form("prompt=a cat") == "request.prompt=a cat");
  CHECK(pipelines::expand_short_form("num_frames=9") == "request.num_frames=9");
  CHECK(pipelines::expand_short_form("++seed=7") == "++request.seed=7");
  CHECK(pipelines::expand_short_form("request.seed=7") == "request.seed=7");
  CHECK(pipelines::expand_short_form("infer.dtype=float32") == "infer.dtype=float32");
  CHECK(pipelines::expand_short_form("promt=x") == "promt=x");
  CHECK(pipelines::expand_short_form("prompt") == "prompt");
}

TEST_CASE("a template of names is taken as typed, where Hydra's grammar would see a map",
          "[tools]") {
  CHECK(pipelines::quote_template("output.name={index:04d}-{seed}") ==
        "output.name='{index:04d}-{seed}'");
  CHECK(pipelines::quote_template("output.name={index:04d}") == "output.name='{index:04d}'");
  CHECK(pipelines::quote_template("++output.name=it's {seed}") == "++output.name='it\\'s {seed}'");
  CHECK(pipelines::quote_template("output.name='{seed}'") == "output.name='{seed}'");
  CHECK(pipelines::quote_template("output.name=clip") == "output.name=clip");
  CHECK(pipelines::quote_template("output.name=null") == "output.name=null");
  CHECK(pipelines::quote_template("request.prompt={a:1}") == "request.prompt={a:1}");
  CHECK(pipelines::expand_short_form("output.name={seed}") == "output.name='{seed}'");
}

TEST_CASE("a misspelt short form and a prompt with commas get a hint", "[tools]") {
  CHECK_THAT(request_hint("wdith=3: there is no key 'wdith'", {"wdith=3"}),
             Catch::ContainsSubstring("Did you mean width=..."));
  CHECK_THAT(request_hint("Ambiguous value for argument 'request.prompt=a,b'", {"prompt=a,b"}),
             Catch::ContainsSubstring("--prompt TEXT"));
  CHECK(request_hint("there is no key 'zzzzzz'", {"zzzzzz=3"}).empty());
  CHECK(request_hint("infer.dtype: expected", {"infer.dtype=x"}).empty());
}

}  // namespace
}  // namespace chitu::tools
