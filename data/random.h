#pragma once
// Random numbers as pure functions: draw number i of a stream depends on the stream's key and i
// only, never on a thread, a rank or an earlier call elsewhere. The generator is splitmix64 started
// at a hash of the key: integer arithmetic, so the same on every machine and with every standard
// library (normal() alone rounds as the C library's log and cos do).

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <numbers>

namespace resnext::data {

/// What a stream of draws is for; streams of different purpose are independent.
enum class Purpose : std::uint64_t {
  kPermutation = 1,   ///< key: seed, epoch
  kAugmentation = 2,  ///< key: seed, epoch, sample
  kPattern = 3,       ///< key: class
  kSynthetic = 4,     ///< key: seed, sample
};

/// splitmix64's output function: a bijection in which every input bit changes every output bit with
/// probability close to one half.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// The stream of draws with a given key.
class Draws {
 public:
  Draws(Purpose purpose, std::initializer_list<std::uint64_t> key)
      : state_(mix64(static_cast<std::uint64_t>(purpose) * kStep)) {
    for (const std::uint64_t part : key) state_ = mix64(state_ + kStep + part);
  }

  /// 64 uniform bits.
  std::uint64_t bits() { return mix64(state_ += kStep); }

  /// Uniform in [0, 1), all multiples of 2^-53.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// Uniform in [0, bound), bound > 0, without bias (Lemire's multiply and reject).
  std::uint64_t below(std::uint64_t bound) {
    Product product = static_cast<Product>(bits()) * bound;
    if (static_cast<std::uint64_t>(product) < bound) {
      const std::uint64_t rejected = -bound % bound;  // 2^64 mod bound
      while (static_cast<std::uint64_t>(product) < rejected)
        product = static_cast<Product>(bits()) * bound;
    }
    return static_cast<std::uint64_t>(product >> 64);
  }

  /// True with probability one half.
  bool coin() { return bits() >> 63 != 0; }

  /// Normally distributed with mean 0 and standard deviation 1 (Box and Muller's method, of which
  /// the cosine alone is used, so that each draw takes two uniform ones).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  __extension__ using Product = unsigned __int128;
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio, odd

  std::uint64_t state_;
};

}  // namespace resnext::data
