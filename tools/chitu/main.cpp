#include <malloc.h>

#include <cstdlib>
#include <iostream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/shell_text.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/config/value/error.h"
#include "pipelines/composition/shipped_configs.h"
#include "tools/chitu/command_line.h"
#include "tools/chitu/dispatch.h"
#include "tools/chitu/standard_output.h"

namespace chitu::tools {
namespace {

/// The exit code of the whole command; errors go to standard error.
///
/// command  to type again
int run_command_line(const Words& arguments, const std::string& command, EngineLibrary& engine) {
  try {
    pipelines::register_chitu_resolver();
    return dispatch(arguments, engine);
  } catch (const config::ConfigErrors& errors) {
    std::cerr << error_lines(errors.mistakes());
    return exit_code(errors);
  } catch (const Interrupted& error) {
    std::cerr << error_lines({explain(error) + "; to repeat it: " + command});
    return exit_code(error);
  } catch (const std::exception& error) {
    std::cerr << error_lines({explain(error)});
    return exit_code(error);
  }
}

}  // namespace
}  // namespace chitu::tools

int main(int argc, char** argv) {
  chitu::end_in_one_line();
  ::mallopt(M_TOP_PAD, 16 << 20);  // few large requests to the kernel instead of many small ones
  chitu::tools::start_output();
  chitu::tools::EngineLibrary engine;
  const int code = chitu::tools::finish_output(chitu::tools::run_command_line(
      {argv + 1, argv + argc}, chitu::shell_line({argv, argv + argc}), engine));
  // Without the engine library only memory is left to free, which takes milliseconds.
  if (!engine.is_open()) std::_Exit(code);
  return code;
}
