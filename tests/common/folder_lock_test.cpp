#include "chitu_core/common/folder_lock.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>

#include "chitu_core/common/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu {
namespace {

using testing::TemporaryFolder;

/// Another process holds the folder's lock; it inherits no open files.
class Holder {
 public:
  explicit Holder(const std::filesystem::path& folder) {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    process_ = ::fork();
    if (process_ == 0) {
      const FolderLock lock(folder);
      if (::write(ready[1], "x", 1) != 1) ::_exit(1);
      while (true) ::pause();
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Holder() { kill(); }
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  int process() const { return process_; }

 private:
  pid_t process_ = 0;
};

TEST_CASE("the error about a locked folder has the id of the process that writes there",
          "[common]") {
  const TemporaryFolder folder;
  Holder holder(folder.path());
  CHECK_THROWS_AS(FolderLock(folder.path()), InputError);
  CHECK_THROWS_WITH(FolderLock(folder.path()),
                    folder.path().string() + ": process " + std::to_string(holder.process()) +
                        " is writing there; wait for it to end or choose another folder");
  holder.kill();
  CHECK_NOTHROW(FolderLock(folder.path()));
}

TEST_CASE("a lock leaves no file, and a process may lock its own folder again", "[common]") {
  const TemporaryFolder folder;
  {
    const FolderLock first(folder.path());
    CHECK_NOTHROW(FolderLock(folder.path()));
    CHECK(std::filesystem::is_empty(folder.path()));
  }
  const Holder holder(folder.path());  // the first lock is gone
  CHECK(holder.process() > 0);
}

}  // namespace
}  // namespace chitu
