#pragma once

namespace chitu::tools {

/// Call it first in main(). std::cout then remembers a failed write; files that are opened later do
/// not take the descriptor of a closed standard stream; and a reader that went away, or a limit on
/// file sizes, makes a write fail instead of killing the process.
void start_output();

/// Call it last, with the exit code so far: flushes std::cout. Lost output is reported on standard
/// error, and the exit code is then not 0. A reader that stops early (`chitu plan | head -1`) ends
/// the process by SIGPIPE, without a message, as it ends other commands.
int finish_output(int code);

}  // namespace chitu::tools
