// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.hpp"
#include "host/intent_store.hpp"
#include "killswitchd/time.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

using namespace ks;

/// The file of decisions in any condition: read without harm, and what is read can be kept.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::string directory = [] {
        std::string name = std::filesystem::temp_directory_path() / "killswitchd-fuzz.XXXXXX";
        fuzz::expect(::mkdtemp(name.data()) != nullptr);
        return name;
    }();
    const Instant now{"boot", {}};
    std::ofstream(directory + "/intents", std::ios::binary) << fuzz::text_of(data, size);
    const IntentStore store(directory);
    const IntentStore::Loaded loaded = store.load(now);
    fuzz::expect(bool(store.save(loaded.intents, now, loaded.by)));
    fuzz::expect(!store.load(now).problem);
    fuzz::expect(store.load(now).intents == loaded.intents);
    std::filesystem::remove(directory + "/intents");
    return 0;
}
