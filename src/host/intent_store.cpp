// SPDX-License-Identifier: GPL-2.0-or-later
#include "intent_store.hpp"

#include "killswitchd/files.hpp"
#include "killswitchd/handle.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <map>
#include <sstream>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ks {

namespace {

constexpr std::size_t kMaxBytes = 4096;
constexpr std::string_view kHeader = "killswitchd intents 1";
constexpr std::string_view kEnd = "end";
constexpr std::string_view kDisarmed = "disarmed";
constexpr std::string_view kPanic = "panic";
constexpr std::string_view kEngaged = "engaged";
constexpr std::string_view kOpenUntil = "open-until";
constexpr std::string_view kConfirmBy = "confirm-by";
constexpr std::string_view kPauseUser = "pause-user";
constexpr std::string_view kBy = "by";

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(std::move(line));
    }
    return lines;
}

/// The words after `key` in its line; nothing when there is no such line.
std::optional<std::string> value_of(const std::vector<std::string>& lines, std::string_view key) {
    for (const std::string& line : lines) {
        if (line == key) {
            return std::string();
        }
        if (line.starts_with(key) && line[key.size()] == ' ') {
            return line.substr(key.size() + 1);
        }
    }
    return std::nullopt;
}

std::optional<Instant> instant_in(const std::vector<std::string>& lines, std::string_view key) {
    const auto value = value_of(lines, key);
    if (!value) {
        return std::nullopt;
    }
    Instant instant;
    std::int64_t nanoseconds = 0;
    std::istringstream(*value) >> instant.boot >> nanoseconds;
    instant.since_boot = std::chrono::nanoseconds(nanoseconds);
    return instant;  // One that cannot be read is past, as every moment of no boot.
}

/// A line for each, "pause-user UID BOOT NANOSECONDS"; what cannot be read is none.
std::map<std::uint32_t, Instant> user_pauses_in(const std::vector<std::string>& lines) {
    std::map<std::uint32_t, Instant> all;
    for (const std::string& line : lines) {
        std::istringstream words(line);
        std::string key;
        std::uint32_t user = 0;
        Instant until;
        std::int64_t nanoseconds = 0;
        if (words >> key >> user >> until.boot >> nanoseconds && key == kPauseUser) {
            until.since_boot = std::chrono::nanoseconds(nanoseconds);
            all.insert_or_assign(user, std::move(until));
        }
    }
    return all;
}

bool is_whole(const std::vector<std::string>& lines) {
    return lines.size() >= 2 && lines.front() == kHeader && lines.back() == kEnd;
}

/// For one line of the file.
std::string one_line(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
    return text;
}

/// What is believed of a file that others may have written, or that lost a part. Never waits, as
/// reading a FIFO would.
bool mentions_panic(const std::string& path) {
    const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    std::string text(kMaxBytes, '\0');
    const ssize_t got = ::read(fd.get(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return value_of(lines_of(text), kPanic).has_value();
}

}  // namespace

IntentStore::Loaded IntentStore::load(const Instant& now) const {
    Loaded loaded;
    const auto text = read_trusted_file(path_, kMaxBytes);
    const std::vector<std::string> lines = text ? lines_of(*text) : std::vector<std::string>{};
    if (!text || !is_whole(lines)) {
        struct stat entry {};  // A link whose target is missing is a file that cannot be read.
        if (!text && lstat(path_.c_str(), &entry) != 0 && errno == ENOENT) {
            return loaded;
        }
        loaded.intents.engaged = true;
        loaded.intents.panic = mentions_panic(path_);
        loaded.problem = text ? Error{fmt::format("'{}' is damaged", path_)} : text.error();
        return loaded;
    }
    loaded.intents.disarmed = value_of(lines, kDisarmed).has_value();
    loaded.intents.panic = value_of(lines, kPanic).has_value();
    loaded.intents.engaged = value_of(lines, kEngaged) == now.boot;
    loaded.intents.open_until = instant_in(lines, kOpenUntil);
    loaded.intents.confirm_by = instant_in(lines, kConfirmBy);
    loaded.intents.user_pauses = user_pauses_in(lines);
    loaded.by = value_of(lines, kBy).value_or("");
    return loaded;
}

Status IntentStore::save(const Intents& intents, const Instant& now, const std::string& by) const {
    if (auto made = ensure_directory(path_.substr(0, path_.rfind('/'))); !made) {
        return made;
    }
    std::string text = fmt::format("{}\n", kHeader);
    const auto add = [&](std::string_view key, const std::string& value) {
        text += value.empty() ? fmt::format("{}\n", key) : fmt::format("{} {}\n", key, value);
    };
    const auto add_instant = [&](std::string_view key, const std::optional<Instant>& instant) {
        if (instant) {
            add(key, fmt::format("{} {}", instant->boot, instant->since_boot.count()));
        }
    };
    if (intents.disarmed) {
        add(kDisarmed, {});
    }
    if (intents.panic) {
        add(kPanic, {});
    }
    if (intents.engaged) {
        add(kEngaged, now.boot);
    }
    add_instant(kOpenUntil, intents.open_until);
    add_instant(kConfirmBy, intents.confirm_by);
    for (const auto& [user, until] : intents.user_pauses) {
        add(kPauseUser, fmt::format("{} {} {}", user, until.boot, until.since_boot.count()));
    }
    add(kBy, fmt::format("{} at {}", one_line(by), utc_now()));
    add(kEnd, {});
    return write_file_atomically(path_, text);
}

}  // namespace ks
