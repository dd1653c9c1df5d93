#include "chitu_core/common/bytes.h"

#include "tests/support/catch.h"

namespace chitu {
namespace {

TEST_CASE("sizes are parsed with their units, plain numbers as GiB", "[common]") {
  CHECK(parse_bytes("8GiB") == std::int64_t{8} << 30);
  CHECK(parse_bytes("512 MiB") == 512 << 20);
  CHECK(parse_bytes("1.5") == 3 << 29);
  CHECK(parse_bytes("4096B") == 4096);
  CHECK(parse_bytes("2GB") == 2'000'000'000);
  CHECK(parse_bytes("0") == 0);
  for (const char* wrong : {"", "GiB", "-1GiB", "8gib", "8 Gi B", "1e40", "nan", "8GiB "})
    CHECK_FALSE(parse_bytes(wrong));
  CHECK(parse_bytes("1024") == std::int64_t{1024} << 30);
  for (const char* wrong : {"1024.5", "1025", "8000000000"}) {
    CHECK_FALSE(parse_bytes(wrong));
    CHECK(lacks_unit(wrong));
  }
  for (const char* other : {"1024", "8000000000B", "lots", "-5", ""})
    CHECK_FALSE(lacks_unit(other));
  CHECK(parse_bytes_per_second("28.8GB/s") == 28'800'000'000);
  CHECK(parse_bytes_per_second("12GiB") == std::int64_t{12} << 30);
  CHECK_FALSE(parse_bytes_per_second("12/s"));
  CHECK(format_bytes(3 << 29) == "1.50 GiB");
  CHECK(format_bytes(96 << 20) == "96.0 MiB");
  CHECK(format_bytes(512) == "512 B");
}

TEST_CASE("an amount that is rounded up for printing is not smaller when parsed again",
          "[common]") {
  CHECK(format_bytes_up(512) == "512 B");
  CHECK(format_bytes_up(1025) == "1.1 KiB");
  CHECK(format_bytes_up((std::int64_t{3} << 29) + 1) == "1.51 GiB");
  CHECK(format_bytes_up(96 << 20) == "96.0 MiB");
  for (std::int64_t bytes = 1; bytes < std::int64_t{1} << 50; bytes += bytes / 7 + 1) {
    CAPTURE(bytes);
    CHECK(parse_bytes(format_bytes_up(bytes)).value_or(0) >= bytes);
  }
}

}  // namespace
}  // namespace chitu
