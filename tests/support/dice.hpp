// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace ks::test {

/// Reproducible choices: the same seed gives the same ones with every standard library.
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}

    /// 0 .. `limit` - 1.
    [[nodiscard]] std::size_t below(std::size_t limit) {
        return static_cast<std::size_t>(engine_() % limit);
    }
    [[nodiscard]] bool chance(unsigned percent) { return below(100) < percent; }
    template <class T>
    [[nodiscard]] const T& pick(const std::vector<T>& from) {
        return from[below(from.size())];
    }
    /// Some of `from`, in its order; perhaps none.
    template <class T>
    [[nodiscard]] std::vector<T> some(const std::vector<T>& from) {
        std::vector<T> chosen;
        for (const T& one : from) {
            if (chance(40)) {
                chosen.push_back(one);
            }
        }
        return chosen;
    }
    template <class T>
    [[nodiscard]] T number() {
        return static_cast<T>(engine_());
    }

  private:
    std::mt19937_64 engine_;
};

/// KS_SEED from the environment, else a new one every time; printed either way.
[[nodiscard]] std::uint64_t seed();

}  // namespace ks::test
