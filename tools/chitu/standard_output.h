#pragma once

namespace chitu::tools {

/// Call first of all. Has std::cout remember what it could not write, keeps files from taking the
/// place of a standard stream that is closed, and turns a reader that went away and a limit on the
/// size of files into errors of the write that meets them.
void start_output();

/// Call last, with the exit code so far: writes what std::cout still holds. Output that was lost is
/// told on standard error, and the exit code is then not 0. A reader that has seen enough (`chitu
/// plan | head -1`) ends the process as it ends other commands: by SIGPIPE, without a word.
int finish_output(int code);

}  // namespace chitu::tools
