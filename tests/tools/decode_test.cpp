#include <filesystem>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "tests/io/full_disk.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/process.h"
#include "tools/chitu/decode_command_line.h"
#include "tools/chitu/kept_latents.h"

namespace chitu::tools {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;
using Words = std::vector<std::string>;

TEST_CASE("the file of latents is the word that is no override", "[tools]") {
  Words words{"infer.vae_tiling=exact", "/a/latents.safetensors", "~output.contact_sheet"};
  CHECK(take_latents(words) == "/a/latents.safetensors");
  CHECK(words == Words{"infer.vae_tiling=exact", "~output.contact_sheet"});
  Words none{"seed=1"}, two{"a", "b"};
  CHECK_THROWS_WITH(take_latents(none), ContainsSubstring("expected a file of latents"));
  CHECK_THROWS_WITH(take_latents(two), ContainsSubstring("got a and b"));
}

TEST_CASE("overrides of the request are refused beside latents, in every form", "[tools]") {
  CHECK_NOTHROW(check_decode_overrides({"infer.threads=1", "device=sim", "+my.request=1"}));
  for (const char* override : {"request.seed=1", "seed=1", "++request.fps=8", "request=mine",
                               "~request.flow_shift", "prompt=a cat"})
    CHECK_THROWS_WITH(check_decode_overrides({override}),
                      ContainsSubstring(std::string(override) +
                                        ": the request comes with the latents; expected "));
}

TEST_CASE("the command that finishes a run has its flags and what is not of the request",
          "[tools]") {
  CHECK(decode_command("/out/it's/latents.safetensors", {"--config-dir", "my"},
                       {"model=demo", "request.prompt=a cat", "+request.seed=1"}) ==
        "chitu decode '/out/it'\\''s/latents.safetensors' --config-dir my model=demo "
        "'hydra.run.dir=/out/it'\\''s'");
}

/// A run of the tiny model.
Words small_run(const Words& more) {
  Words words{"run",       testing::of_tiny_model(), "prompt=a cat",          "width=64",
              "height=64", "num_frames=5",           "num_inference_steps=2", "output.format=gif"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_CASE("a run whose saving fails names the command that finishes it", "[e2e]") {
  const testing::TemporaryFolder folder;
  const fs::path out = folder / "out";
  const auto failed = [&] {
    const io::FullDisk full(14 * 1024);  // the latents fit, the pictures do not
    return testing::chitu(small_run({"hydra.run.dir=" + out.string()}), folder.path());
  }();
  INFO(failed.err);
  CHECK(failed.exit_code == 2);
  const std::string command = "chitu decode " + (out / "latents.safetensors").string();
  CHECK_THAT(failed.err, ContainsSubstring("video.gif: cannot write: File too large") &&
                             ContainsSubstring("; the latents are kept, to finish: " + command));
  CHECK_FALSE(fs::exists(out / "video.gif"));

  const auto at = failed.err.find(command);
  const std::string line = failed.err.substr(at, failed.err.find('\n', at) - at);
  const auto decoded =
      testing::Process({"/bin/sh", "-c", "PATH=" CHITU_BIN_DIR ":$PATH; " + line}, folder.path())
          .finish();
  INFO(decoded.err);
  CHECK(decoded.exit_code == 0);
  CHECK(decoded.out == (out / "video.gif").string() + "\n");

  const auto whole =
      testing::chitu(small_run({"hydra.run.dir=" + (folder / "whole").string()}), folder.path());
  CHECK(whole.exit_code == 0);
  CHECK(read_file(out / "video.gif") == read_file(folder / "whole" / "video.gif"));
  CHECK_FALSE(fs::exists(folder / "whole" / "latents.safetensors"));

  const auto wrong =
      testing::chitu({"decode", (out / "latents.safetensors").string()}, folder.path());
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err, ContainsSubstring("is not the one these latents were made for; expected "
                                          "that of model.ckpt_dir="));
}

}  // namespace
}  // namespace chitu::tools
