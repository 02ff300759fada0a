// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "host/boot_clock.hpp"
#include "host/intent_store.hpp"
#include "host/service_lock.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/intents.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ks;
namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;

const Instant kNow{"here", 3min};

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

TEST_CASE("without a file the machine is armed and not in panic", "[intents]") {
    const Directory dir;
    const auto* const below = GENERATE("", "/missing");

    const auto loaded = IntentStore(dir.path + below).load(kNow);

    CHECK(loaded.intents == Intents{});
    CHECK_FALSE(loaded.problem);
}

TEST_CASE("what was saved is loaded, and nothing is left beside it", "[intents]") {
    const Directory dir;
    const IntentStore store(dir.at("state"));
    const auto intents = GENERATE(values<Intents>({
        {},
        {true, false},
        {false, true},
        {true, true, true},
        {false, false, true, Instant{"here", 5min}},
        {false, false, true, {}, Instant{"elsewhere", 7min}},
    }));
    REQUIRE(store.save({!intents.disarmed, !intents.panic}, kNow, "test"));
    REQUIRE(store.save(intents, kNow, "uid 7\nend"));

    const auto loaded = store.load(kNow);

    CHECK(loaded.intents == intents);
    CHECK(loaded.by.find("uid 7 end at ") == 0);
    CHECK_FALSE(loaded.problem);
    CHECK(std::distance(fs::directory_iterator(dir.at("state")), {}) == 1);
}

TEST_CASE("what is true of one boot is not kept across it", "[intents]") {
    const Directory dir;
    const IntentStore store(dir.path);
    REQUIRE(store.save({false, false, /*engaged=*/true}, kNow, "test"));
    REQUIRE(store.load(kNow).intents.engaged);

    CHECK_FALSE(store.load({"elsewhere", kNow.since_boot}).intents.engaged);
}

TEST_CASE("a disarm that cannot be believed means armed", "[intents][fail-closed]") {
    const Directory dir;
    const IntentStore store(dir.path);
    REQUIRE(store.save({/*disarmed=*/true, /*panic=*/false}, kNow, "test"));
    REQUIRE(store.load(kNow).intents.disarmed);
    const char* const name = "intents";
    const std::string whole = "killswitchd intents 1\ndisarmed\nend\n";
    SECTION("empty") {
        dir.put(name, "");
    }
    SECTION("damaged") {
        dir.put(name, std::string(20, '\0'));
    }
    SECTION("only begins alike") {
        dir.put(name, "killswitchd intents 1\ndisarmedness\nend\n");
        CHECK_FALSE(store.load(kNow).intents.disarmed);
        return;  // Whole, of a newer version perhaps: no reason for an alarm.
    }
    SECTION("cut short") {
        dir.put(name, whole.substr(0, whole.size() - 4));
    }
    SECTION("of another version") {
        dir.put(name, "killswitchd intents 2\ndisarmed\nend\n");
    }
    SECTION("writable by all") {
        dir.put(name, whole, 0666);
    }
    SECTION("writable by a group") {
        dir.put(name, whole, 0620);
    }
    SECTION("too large") {
        dir.put(name, whole + std::string(5000, ' '));
    }
    SECTION("a directory") {
        fs::remove(dir.at(name));
        fs::create_directory(dir.at(name));
    }
    SECTION("a FIFO") {
        fs::remove(dir.at(name));
        REQUIRE(mkfifo(dir.at(name).c_str(), 0600) == 0);
    }
    SECTION("a loop of links") {
        fs::remove(dir.at(name));
        fs::create_symlink(name, dir.at(name));
    }

    const auto loaded = store.load(kNow);

    CHECK_FALSE(loaded.intents.disarmed);
    CHECK(loaded.intents.engaged);
    CHECK(loaded.problem);
}

TEST_CASE("a deadline in a damaged file is not kept", "[intents][fail-closed]") {
    const Directory dir;
    dir.put("intents", "killswitchd intents 1\nopen-until here 99999999999999\n");

    CHECK_FALSE(IntentStore(dir.path).load(kNow).intents.open_until);
}

TEST_CASE("a panic that can be read counts in any condition", "[intents][fail-closed]") {
    const Directory dir;
    REQUIRE_FALSE(IntentStore(dir.path).load(kNow).intents.panic);
    SECTION("cut short") {
        dir.put("intents", "killswitchd intents 1\npanic\n");
    }
    SECTION("nothing else") {
        dir.put("intents", "panic\n");
    }
    SECTION("writable by all") {
        dir.put("intents", "killswitchd intents 1\npanic\nend\n", 0666);
    }

    const auto loaded = IntentStore(dir.path).load(kNow);

    CHECK(loaded.intents.panic);
    CHECK(loaded.problem);
}

TEST_CASE("as many users as can have a pause are remembered", "[intents]") {
    const Directory dir;
    Intents intents;
    intents.engaged = true;
    for (std::uint32_t user = 0; user < kMostUserPauses; ++user) {
        const Instant end{std::string(32, 'b'), std::chrono::hours(24 * 365)};
        intents.user_pauses.emplace(0xfffffff0 - user, end);
    }

    REQUIRE(IntentStore(dir.path).save(intents, kNow, "uid 4294967294 (pid 4194304)"));

    CHECK(IntentStore(dir.path).load(kNow).intents == intents);
}

TEST_CASE("the name of a boot is kept as long as its directory", "[intents]") {
    const Directory dir;
    const Instant first = BootClock::open(dir.at("run")).now();
    const Instant second = BootClock::open(dir.at("run")).now();

    CHECK(first.boot == second.boot);
    CHECK(first.since_boot <= second.since_boot);

    fs::remove_all(dir.at("run"));  // As a reboot does.
    CHECK(BootClock::open(dir.at("run")).now().boot != first.boot);
}

TEST_CASE("of several processes that name a boot at once, the first one does", "[intents]") {
    const Directory dir;
    constexpr int kProcesses = 8;
    std::array<int, 2> go{};
    std::array<int, 2> names{};
    REQUIRE(pipe(go.data()) == 0);
    REQUIRE(pipe(names.data()) == 0);
    for (int i = 0; i < kProcesses; ++i) {
        if (fork() == 0) {
            char end = 0;
            ::close(go[1]);
            static_cast<void>(::read(go[0], &end, 1));  // All begin when this end is closed.
            const std::string name = BootClock::open(dir.at("run")).now().boot;
            const bool written = ::write(names[1], name.data(), name.size()) > 0;
            ::_exit(written ? 0 : 1);
        }
    }
    ::close(go[1]);
    for (int i = 0; i < kProcesses; ++i) {
        ::wait(nullptr);
    }
    const std::string last = BootClock::open(dir.at("run")).now().boot;
    std::string all(last.size() * kProcesses, '\0');
    REQUIRE(::read(names[0], all.data(), all.size()) == static_cast<ssize_t>(all.size()));
    for (std::size_t i = 0; i < kProcesses; ++i) {
        CHECK(all.substr(i * last.size(), last.size()) == last);
    }
    for (const int fd : {go[0], names[0], names[1]}) {
        ::close(fd);
    }
}

TEST_CASE("one service at a time has the lock, and its end frees it", "[host]") {
    const Directory dir;
    CHECK_FALSE(ServiceLock::is_taken(dir.path));
    {
        const auto first = ServiceLock::take(dir.path);
        REQUIRE(first);
        REQUIRE(*first);
        CHECK(ServiceLock::is_taken(dir.path));
        const auto second = ServiceLock::take(dir.path);
        REQUIRE(second);
        CHECK_FALSE(*second);
    }
    CHECK_FALSE(ServiceLock::is_taken(dir.path));
    CHECK_FALSE(ServiceLock::take(dir.at("missing")));
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
