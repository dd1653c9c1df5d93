#include "chitu_core/config/value/decimal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

namespace chitu::config {
namespace {

constexpr std::size_t kDigits = 28;

// a and b: digits, of equal length.
std::string added(const std::string& a, const std::string& b) {
  std::string sum(a.size(), '0');
  int carry = 0;
  for (std::size_t i = a.size(); i-- > 0;) {
    const int digit = (a[i] - '0') + (b[i] - '0') + carry;
    sum[i] = static_cast<char>('0' + digit % 10);
    carry = digit / 10;
  }
  return carry ? "1" + sum : sum;
}

// a and b: digits, of equal length, a >= b.
std::string subtracted(const std::string& a, const std::string& b) {
  std::string difference(a.size(), '0');
  int borrow = 0;
  for (std::size_t i = a.size(); i-- > 0;) {
    int digit = (a[i] - '0') - (b[i] - '0') - borrow;
    borrow = digit < 0 ? 1 : 0;
    if (digit < 0) digit += 10;
    difference[i] = static_cast<char>('0' + digit);
  }
  return difference;
}

}  // namespace

Decimal::Decimal(double value) {
  // A double has at most 1,075 digits after the point; strip() removes trailing zeros.
  std::array<char, 1500> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::fixed, 1075)
                       .ptr;
  bool after_point = false;
  for (const char* c = buffer.data(); c != end; ++c) {
    if (*c == '-') {
      negative_ = true;
    } else if (*c == '.') {
      after_point = true;
    } else {
      digits_ += *c;
      if (after_point) --exponent_;
    }
  }
  strip();
}

void Decimal::strip() {
  digits_.erase(0, std::min(digits_.find_first_not_of('0'), digits_.size()));
  while (!digits_.empty() && digits_.back() == '0') {
    digits_.pop_back();
    ++exponent_;
  }
  if (digits_.empty()) {
    exponent_ = 0;
    negative_ = false;
  }
}

void Decimal::round() {
  if (digits_.size() <= kDigits) return;
  const std::string rest = digits_.substr(kDigits);
  exponent_ += static_cast<int>(rest.size());
  digits_.resize(kDigits);
  const bool beyond_half =
      rest[0] > '5' || (rest[0] == '5' && rest.find_first_not_of('0', 1) != std::string::npos);
  const bool half = rest[0] == '5' && !beyond_half;
  if (beyond_half || (half && (digits_.back() - '0') % 2 == 1)) {
    std::string one(kDigits, '0');
    one.back() = '1';
    digits_ = added(digits_, one);
  }
  strip();
}

namespace {

struct Aligned {
  std::string a, b;
  int exponent;
};

Aligned aligned(const std::string& a, int a_exponent, const std::string& b, int b_exponent) {
  Aligned pair{a, b, std::min(a_exponent, b_exponent)};
  pair.a.append(static_cast<std::size_t>(a_exponent - pair.exponent), '0');
  pair.b.append(static_cast<std::size_t>(b_exponent - pair.exponent), '0');
  const std::size_t size = std::max(pair.a.size(), pair.b.size());
  pair.a.insert(0, size - pair.a.size(), '0');
  pair.b.insert(0, size - pair.b.size(), '0');
  return pair;
}

}  // namespace

int Decimal::compare(const Decimal& other) const {
  if (negative_ != other.negative_) return negative_ ? -1 : 1;
  const Aligned pair = aligned(digits_, exponent_, other.digits_, other.exponent_);
  const int size = pair.a == pair.b ? 0 : (pair.a < pair.b ? -1 : 1);
  return negative_ ? -size : size;
}

Decimal Decimal::operator+(const Decimal& other) const {
  const Aligned pair = aligned(digits_, exponent_, other.digits_, other.exponent_);
  Decimal sum;
  sum.exponent_ = pair.exponent;
  if (negative_ == other.negative_) {
    sum.digits_ = added(pair.a, pair.b);
    sum.negative_ = negative_;
  } else if (pair.a >= pair.b) {
    sum.digits_ = subtracted(pair.a, pair.b);
    sum.negative_ = negative_;
  } else {
    sum.digits_ = subtracted(pair.b, pair.a);
    sum.negative_ = other.negative_;
  }
  sum.strip();
  sum.round();
  return sum;
}

double Decimal::to_double() const {
  const std::string text =
      (negative_ ? "-" : "") + (digits_.empty() ? "0" : digits_) + "e" + std::to_string(exponent_);
  return std::strtod(text.c_str(), nullptr);
}

}  // namespace chitu::config
