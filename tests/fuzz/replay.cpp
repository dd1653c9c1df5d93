// Runs a fuzz target without libFuzzer: `TARGET CORPUS_FOLDER COUNT` gives it every file of the
// folder and COUNT mutations of them, the same ones every time.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "chitu_core/common/files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kMaxSize = 16384;

void give(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& corpus) : corpus_(corpus) {}

  std::string next() {
    std::string text = corpus_[below(corpus_.size())];
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) edit(text);
    text.resize(std::min(text.size(), kMaxSize));
    return text;
  }

 private:
  /// std::uniform_int_distribution differs between libraries.
  std::size_t below(std::size_t bound) { return bound ? random_() % bound : 0; }

  void edit(std::string& text) {
    const std::size_t at = below(text.size() + 1);
    const std::size_t length = below(std::min<std::size_t>(text.size() - at, 12) + 1);
    static const std::string marks = "${}[]()'\"\\,:=@~+#&*|>-? \n\t.0a";
    switch (below(5)) {
      case 0:
        text.insert(at, 1, marks[below(marks.size())]);
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(at, length));
        break;
      case 3:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      default: {  // a piece of another input
        const std::string& other = corpus_[below(corpus_.size())];
        text.insert(at, other.substr(below(other.size() + 1), below(24)));
      }
    }
  }

  const std::vector<std::string>& corpus_;
  std::mt19937 random_{1};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) files.push_back(entry);
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const auto& file : files) corpus.push_back(chitu::read_file(file));
  if (corpus.empty()) return 2;
  for (const std::string& input : corpus) give(input);
  Mutator mutator(corpus);
  const int count = std::atoi(argv[2]);
  for (int i = 0; i < count; ++i) give(mutator.next());
  std::printf("%zu inputs and %d mutations\n", corpus.size(), count);
  return 0;
}
