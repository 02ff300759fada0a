// SPDX-License-Identifier: GPL-2.0-or-later
#include "intent_store.hpp"

#include "killswitchd/files.hpp"
#include "killswitchd/time.hpp"

#include <cerrno>
#include <cstddef>
#include <string>

#include <fmt/format.h>

#include <sys/stat.h>

namespace ks {

namespace {

constexpr const char* kDisarmed = "disarmed";
constexpr const char* kPanic = "panic";
constexpr const char* kEngaged = "engaged";
constexpr std::size_t kMaxMarkerBytes = 4096;

}  // namespace

std::string IntentStore::path(const char* marker) const {
    return fmt::format("{}/{}", marker == kEngaged ? until_reboot_ : directory_, marker);
}

IntentStore::Loaded IntentStore::load() const {
    Loaded loaded;
    const auto read = [&](const char* marker, bool when_doubtful) {
        const auto text = read_trusted_file(path(marker), kMaxMarkerBytes);
        if (text && text->starts_with(fmt::format("{} ", marker))) {
            return true;
        }
        // A link whose target is missing is a marker all the same.
        struct stat entry {};
        if (lstat(path(marker).c_str(), &entry) != 0 && errno == ENOENT) {
            return false;
        }
        loaded.problems.push_back(text ? Error{fmt::format("marker '{}' is damaged", path(marker))}
                                       : text.error());
        return when_doubtful;
    };
    loaded.intents.disarmed = read(kDisarmed, /*when_doubtful=*/false);
    loaded.intents.panic = read(kPanic, /*when_doubtful=*/true);
    loaded.intents.engaged = read(kEngaged, /*when_doubtful=*/true);
    return loaded;
}

Status IntentStore::save(const Intents& intents, const std::string& who) const {
    for (const std::string& directory : {directory_, until_reboot_}) {
        if (auto made = ensure_directory(directory); !made) {
            return made;
        }
    }
    const auto put = [&](const char* marker, bool wanted) {
        return wanted ? write_file_atomically(path(marker), fmt::format("{} since {} by {}\n",
                                                                        marker, utc_now(), who))
                      : remove_file(path(marker));
    };
    if (auto done = put(kPanic, intents.panic); !done) {
        return done;
    }
    if (auto done = put(kEngaged, intents.engaged); !done) {
        return done;
    }
    return put(kDisarmed, intents.disarmed);
}

}  // namespace ks
