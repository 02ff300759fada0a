// SPDX-License-Identifier: GPL-2.0-or-later
#include "boot_clock.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/files.hpp"

#include <random>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::size_t kNameBytes = 32;

std::string random_name() {
    std::random_device random;
    std::string name;
    while (name.size() < kNameBytes) {
        name += fmt::format("{:08x}", random());
    }
    return name;
}

bool is_name(const std::string& text) {
    return text.size() == kNameBytes &&
           text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

BootClock BootClock::open(const std::string& runtime_dir) {
    const std::string path = runtime_dir + "/boot-id";
    if (auto known = read_trusted_file(path, kNameBytes); known && is_name(*known)) {
        return BootClock(*std::move(known));
    }
    std::string name = random_name();
    if (ensure_directory(runtime_dir) && write_file_atomically(path, name)) {
        if (auto written = read_trusted_file(path, kNameBytes); written && is_name(*written)) {
            return BootClock(*std::move(written));  // Another process may have been later.
        }
    }
    return BootClock(std::move(name));
}

}  // namespace ks
