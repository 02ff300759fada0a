// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.hpp"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

/// From the heap and of its exact size, so that a byte too far is seen.
std::vector<std::uint8_t> bytes_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

/// replay CORPUS: every file of that directory, whole and cut off at each of its first bytes.
int main(int argc, char** argv) {
    constexpr std::size_t kCuts = 512;
    std::size_t inputs = 0;
    for (const auto& entry : std::filesystem::directory_iterator(argc > 1 ? argv[1] : "")) {
        const std::vector<std::uint8_t> whole = bytes_of(entry.path());
        static_cast<void>(LLVMFuzzerTestOneInput(whole.data(), whole.size()));
        for (std::size_t end = 0; end < whole.size() && end < kCuts; ++end) {
            const std::vector<std::uint8_t> cut(whole.begin(),
                                                whole.begin() + static_cast<std::ptrdiff_t>(end));
            static_cast<void>(LLVMFuzzerTestOneInput(cut.data(), cut.size()));
        }
        ++inputs;
    }
    std::printf("%zu inputs replayed\n", inputs);
    return inputs == 0 ? 1 : 0;
}
