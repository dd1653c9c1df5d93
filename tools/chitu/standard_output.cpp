#include "tools/chitu/standard_output.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <streambuf>

#include "chitu_core/common/error.h"

namespace chitu::tools {
namespace {

/// Writes to the descriptor of standard output, and keeps the error number of the first failure.
class OutputBuffer final : public std::streambuf {
 public:
  explicit OutputBuffer(bool pipe_was_ignored) : pipe_was_ignored_(pipe_was_ignored) {
    setp(buffer_.data(), buffer_.data() + buffer_.size());
  }
  int error() const { return error_; }
  bool pipe_was_ignored() const { return pipe_was_ignored_; }

 protected:
  int sync() override { return write_out() ? 0 : -1; }

  int_type overflow(int_type c) override {
    if (!write_out()) return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
  }

 private:
  bool write_out() {
    const char* next = pbase();
    while (error_ == 0 && next < pptr()) {
      const ssize_t put = ::write(STDOUT_FILENO, next, static_cast<std::size_t>(pptr() - next));
      if (put >= 0)
        next += put;
      else if (errno != EINTR)
        error_ = errno;
    }
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return error_ == 0;
  }

  std::array<char, 1 << 16> buffer_;
  int error_ = 0;
  bool pipe_was_ignored_;  ///< when the process started
};

/// Opens /dev/null in place of closed standard streams, so that no file gets their descriptors.
/// Writing to such an output still fails.
void occupy_closed_streams() {
  constexpr std::array kModes{O_WRONLY, O_RDONLY, O_WRONLY};  // errors are dropped
  for (int stream = 0; stream < static_cast<int>(kModes.size()); ++stream)
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF)
      static_cast<void>(::open("/dev/null", kModes[static_cast<std::size_t>(stream)]));
}

}  // namespace

void start_output() {
  occupy_closed_streams();
  const bool pipe_was_ignored = ::signal(SIGPIPE, SIG_IGN) == SIG_IGN;
  ::signal(SIGXFSZ, SIG_IGN);
  // Never deleted: std::cout is flushed after main() has returned.
  std::cout.rdbuf(new OutputBuffer(pipe_was_ignored));
}

int finish_output(int code) {
  std::cout.flush();
  const auto* buffer = dynamic_cast<const OutputBuffer*>(std::cout.rdbuf());
  const int error = buffer ? buffer->error() : 0;
  if (error == 0 || code != 0) return code;
  if (error == EPIPE && !buffer->pipe_was_ignored()) {
    ::signal(SIGPIPE, SIG_DFL);
    ::raise(SIGPIPE);
  }
  std::cerr << "error: standard output: cannot write: " << std::strerror(error) << "\n";
  return exit_codes::kFailed;
}

}  // namespace chitu::tools
