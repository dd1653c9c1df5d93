#pragma once

#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "chitu_core/common/files.h"
#include "pipelines/composition/shipped_configs.h"
#include "tests/tools/process.h"
#include "tools/chitu/engine_call.h"
#include "tools/chitu/regress_call.h"

namespace chitu::testing {

/// Cases of the tiny model on sim, a fraction of a second each.
inline std::string tiny_cases(const std::string& cases, const std::string& more = "") {
  return "defaults:\n  overrides: ['" + of_tiny_model() +
         "', device=sim, request.width=32, request.height=32, request.num_frames=5, "
         "request.num_inference_steps=2" +
         more + "]\n  prompt: a cat, on the grass\ncases:\n" + cases;
}

/// Takes what is written to standard output while it lives.
class CapturedOutput {
 public:
  CapturedOutput() : before_(std::cout.rdbuf(text_.rdbuf())) {}
  ~CapturedOutput() { std::cout.rdbuf(before_); }
  CapturedOutput(const CapturedOutput&) = delete;
  CapturedOutput& operator=(const CapturedOutput&) = delete;
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::streambuf* before_;
};

struct Regressed {
  int code;
  std::string out;
};

/// `chitu regress ACTION FILE --out FOLDER/out` in this process, with what tests have planted.
inline Regressed regress(const std::string& action, const std::filesystem::path& file,
                         const std::filesystem::path& folder) {
  pipelines::register_chitu_resolver();
  tools::RegressCall call;
  call.action = action;
  call.cases = tools::read_cases(file, {});
  call.out = folder / "out";
  const std::unique_ptr<tools::EngineSession> session(chitu_open_engine());
  const CapturedOutput captured;
  const int code = session->run(tools::engine_call(std::move(call)));
  return {code, captured.text()};
}

}  // namespace chitu::testing
