// SPDX-License-Identifier: GPL-2.0-or-later
#include "boot_clock.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/files.hpp"

#include <optional>
#include <random>
#include <string>

#include <fmt/format.h>

#include <unistd.h>

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

std::optional<std::string> name_in(const std::string& path) {
    auto text = read_trusted_file(path, kNameBytes);
    return text && is_name(*text) ? std::optional(*std::move(text)) : std::nullopt;
}

/// Writes the file unless another process has: a name that was taken up already must stay.
bool offer(const std::string& path, const std::string& name) {
    const std::string own = fmt::format("{}.{}", path, ::getpid());
    if (!write_file_atomically(own, name)) {
        return false;
    }
    const bool first = ::link(own.c_str(), path.c_str()) == 0;
    const bool useless = !first && !name_in(path);  // What is there is no name.
    const bool replaced = useless && ::rename(own.c_str(), path.c_str()) == 0;
    static_cast<void>(remove_file(own));
    return first || !useless || replaced;
}

}  // namespace

BootClock BootClock::open(const std::string& runtime_dir) {
    const std::string path = runtime_dir + "/boot-id";
    if (auto known = name_in(path)) {
        return BootClock(*std::move(known));
    }
    std::string name = random_name();
    if (ensure_directory(runtime_dir) && offer(path, name)) {
        if (auto first = name_in(path)) {
            return BootClock(*std::move(first));
        }
    }
    return BootClock(std::move(name));
}

}  // namespace ks
