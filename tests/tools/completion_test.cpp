#include "tools/chitu/completion.h"

#include <sstream>

#include "chitu_core/common/error.h"
#include "tests/support/catch.h"

namespace chitu::tools {
namespace {

using Words = std::vector<std::string>;

TEST_CASE("subcommands, flags and their values are completed", "[tools]") {
  CHECK(complete_line("chitu gr") == Words{"graph"});
  CHECK(complete_line("chitu config --inf") == Words{"--info"});
  CHECK(complete_line("chitu run --cfg ") == Words{"all", "hydra", "job"});
  CHECK(complete_line("chitu graph --format ") == Words{"dot", "json", "mermaid", "text"});
  CHECK(complete_line("chitu plan --f") == Words{"--fit", "--format"});
  CHECK(complete_line("chitu plan --format ") == Words{"csv", "json", "markdown", "table"});
  CHECK(complete_line("chitu graph --multi").empty());
}

TEST_CASE("the values of a flag are completed", "[tools]") {
  CHECK(complete_line("chitu config --explain infer.d") ==
        Words{"infer.diffusion.", "infer.dtype"});
  CHECK(complete_line("chitu config model=demo -p outp") == Words{"output."});
  CHECK(complete_line("chitu run --set-str request.neg") == Words{"request.negative_prompt"});
  CHECK(complete_line("chitu run --set-file request.prompt ").empty());  // a file: the shell knows
  CHECK(complete_line("chitu run --set-str request.prompt x infer.dt") == Words{"infer.dtype="});
  CHECK(complete_line("chitu config --config-name c") == Words{"chitu"});
  CHECK(complete_line("chitu graph --format=m") == Words{"--format=mermaid"});
  CHECK(complete_line("chitu plan --explain infer.dt") == Words{"infer.dtype="});  // a switch there
  CHECK(complete_line("chitu config --info def") == Words{"defaults", "defaults-tree"});
}

TEST_CASE("flags of subcommands that compose nothing are completed", "[tools]") {
  CHECK(complete_line("chitu calibrate --d") == Words{"--device", "--disk"});
  CHECK(complete_line("chitu calibrate --device ") == Words{"auto", "cpu", "cuda"});
  CHECK(complete_line("chitu calibrate --device c") == Words{"cpu", "cuda"});
  CHECK(complete_line("chitu calibrate --disk ").empty());
  CHECK(complete_line("chitu tokenize --") ==
        Words{"--ckpt-dir", "--help", "--log-level", "--quiet"});
  CHECK(complete_line("chitu info -") == Words{"--help", "--json", "--log-level", "--quiet"});
}

TEST_CASE("groups, options, keys and values are completed", "[tools]") {
  CHECK(complete_line("chitu run infer.d") == Words{"infer.diffusion.", "infer.dtype="});
  CHECK(complete_line("chitu run ++output.f") == Words{"++output.format="});
  CHECK(complete_line("chitu run model=") ==
        Words{"model=demo", "model=qwen-image", "model=wan2.1-i2v-14b", "model=wan2.1-t2v-1.3b",
              "model=wan2.1-t2v-14b", "model=wan2.1-t2v-14b-lightning", "model=wan2.2-i2v-a14b",
              "model=wan2.2-t2v-a14b", "model=wan2.2-t2v-a14b-lightning", "model=wan2.2-ti2v-5b"});
  CHECK(complete_line("chitu run infer.dtype=b") == Words{"infer.dtype=bfloat16"});
  CHECK(complete_line("chitu run request.seed=") == Words{"request.seed=0"});
  CHECK(complete_line("chitu run hydra/launcher=") ==
        Words{"hydra/launcher=basic", "hydra/launcher=process"});
  CHECK(complete_line("chitu plan device/profile=rtx40") == Words{"device/profile=rtx4060-8gb",
                                                                  "device/profile=rtx4060ti-16gb",
                                                                  "device/profile=rtx4090"});
  CHECK(complete_line("chitu run --prompt 'a cat' wi") == Words{"width="});
}

TEST_CASE("a wrong line gets no candidates", "[tools]") {
  CHECK(complete_line("").empty());
  CHECK(complete_line("chitu").empty());
  CHECK(complete_line("chitu run --no-such-flag inf").empty());
  CHECK(complete_line("chitu run no.such.key.").empty());
  // The other overrides need not compose yet.
  CHECK(complete_line("chitu run nokey=1 infer.dt") == Words{"infer.dtype="});
}

TEST_CASE("every shell has its set-up lines, and another shell is refused", "[tools]") {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    std::ostringstream out;
    completion_command({std::string("install=") + shell}, out);
    CHECK_THAT(out.str(), Catch::ContainsSubstring(std::string("query=") + shell));
  }
  std::ostringstream out;
  CHECK_THROWS_WITH(completion_command({"install=tcsh"}, out),
                    Catch::ContainsSubstring("bash, zsh or fish"));
}

}  // namespace
}  // namespace chitu::tools
