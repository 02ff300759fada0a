// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "host/intent_store.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/intents.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

using namespace ks;
namespace fs = std::filesystem;

namespace {

struct Directory {
    std::string path = "/tmp/ks_intents_XXXXXX";
    Directory() { REQUIRE(mkdtemp(path.data()) != nullptr); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() { fs::remove_all(path); }

    [[nodiscard]] std::string at(const char* name) const { return path + "/" + name; }
    void put(const char* name, const std::string& text, mode_t mode = 0600) const {
        std::ofstream(at(name)) << text;
        REQUIRE(chmod(at(name).c_str(), mode) == 0);
    }
};

}  // namespace

TEST_CASE("without markers the machine is armed and not in panic", "[intents]") {
    const Directory dir;
    const auto* const below = GENERATE("", "/missing");

    const auto loaded = IntentStore(dir.path + below, dir.path + below).load();

    CHECK(loaded.intents == Intents{});
    CHECK(loaded.problems.empty());
}

TEST_CASE("what was saved is loaded, and nothing is left behind", "[intents]") {
    const Directory dir;
    const IntentStore store(dir.at("state"), dir.at("state"));
    const auto [disarmed, panic] =
        GENERATE(table<bool, bool>({{false, false}, {true, false}, {false, true}, {true, true}}));
    REQUIRE(store.save({!disarmed, !panic}, "test"));
    REQUIRE(store.save({disarmed, panic}, "test"));

    const auto loaded = store.load();

    CHECK(loaded.intents == Intents{disarmed, panic});
    CHECK(loaded.problems.empty());
    const auto files = std::distance(fs::directory_iterator(dir.at("state")), {});
    CHECK(files == (disarmed ? 1 : 0) + (panic ? 1 : 0));
}

TEST_CASE("a disarm marker that cannot be believed means armed", "[intents][fail-closed]") {
    const Directory dir;
    const IntentStore store(dir.path, dir.path);
    REQUIRE(store.save({/*disarmed=*/true, /*panic=*/false}, "test"));
    REQUIRE(store.load().intents.disarmed);
    SECTION("empty") {
        dir.put("disarmed", "");
    }
    SECTION("damaged") {
        dir.put("disarmed", std::string(20, '\0'));
    }
    SECTION("only begins alike") {
        dir.put("disarmed", "disarmedness");
    }
    SECTION("of another marker") {
        dir.put("disarmed", "panic since\n");
    }
    SECTION("writable by all") {
        dir.put("disarmed", "disarmed since now\n", 0666);
    }
    SECTION("writable by a group") {
        dir.put("disarmed", "disarmed since now\n", 0620);
    }
    SECTION("too large") {
        dir.put("disarmed", "disarmed " + std::string(5000, ' '));
    }
    SECTION("a directory") {
        fs::remove(dir.at("disarmed"));
        fs::create_directory(dir.at("disarmed"));
    }
    SECTION("a FIFO") {
        fs::remove(dir.at("disarmed"));
        REQUIRE(mkfifo(dir.at("disarmed").c_str(), 0600) == 0);
    }
    SECTION("a loop of links") {
        fs::remove(dir.at("disarmed"));
        fs::create_symlink("disarmed", dir.at("disarmed"));
    }

    const auto loaded = store.load();

    CHECK_FALSE(loaded.intents.disarmed);
    CHECK(loaded.problems.size() == 1);
}

TEST_CASE("a panic marker counts in any condition", "[intents][fail-closed]") {
    const Directory dir;
    REQUIRE_FALSE(IntentStore(dir.path, dir.path).load().intents.panic);
    SECTION("damaged") {
        dir.put("panic", "x");
    }
    SECTION("empty") {
        dir.put("panic", "");
    }
    SECTION("writable by all") {
        dir.put("panic", "panic since now\n", 0666);
    }
    SECTION("a directory") {
        fs::create_directory(dir.at("panic"));
    }
    SECTION("a link to nothing") {
        fs::create_symlink("nothing", dir.at("panic"));
    }

    const auto loaded = IntentStore(dir.path, dir.path).load();

    CHECK(loaded.intents.panic);
    CHECK(loaded.problems.size() == 1);
}

TEST_CASE("a file is replaced whole, private, and read back", "[files]") {
    const Directory dir;
    dir.put("f", "old", 0644);
    const std::string text(100'000, 'n');

    REQUIRE(write_file_atomically(dir.at("f"), text));

    struct stat info {};
    REQUIRE(stat(dir.at("f").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600U);
    CHECK(*read_trusted_file(dir.at("f"), text.size()) == text);
    const auto cut = read_trusted_file(dir.at("f"), text.size() - 1);
    REQUIRE_FALSE(cut);
    CHECK(cut.error().sys_errno == EFBIG);
    CHECK(std::distance(fs::directory_iterator(dir.path), {}) == 1);
}

TEST_CASE("what is no trusted file is refused with its reason", "[files]") {
    const Directory dir;
    dir.put("loose", "x", 0602);
    const auto [name, expected] =
        GENERATE(table<const char*, int>({{"missing", ENOENT}, {"loose", 0}, {".", EINVAL}}));

    const auto read = read_trusted_file(dir.at(name), 10);

    REQUIRE_FALSE(read);
    CHECK(read.error().sys_errno == expected);
}
