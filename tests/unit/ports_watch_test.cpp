// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "host/ports_watch.hpp"
#include "killswitchd/net.hpp"
#include "policies.hpp"

#include <filesystem>
#include <fstream>
#include <string>

using namespace ks;
using namespace ks::test;

namespace {

/// A directory of this test, and a policy that takes its ports from a file there.
struct Place {
    Place() {
        std::string name = "/tmp/ks-ports-XXXXXX";
        REQUIRE(mkdtemp(name.data()) != nullptr);
        directory = name;
        policy.tunnels[0].inbound_file = directory + "/sub/port";
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { std::filesystem::remove_all(directory); }

    void replace(const std::string& text) const {
        std::filesystem::create_directories(directory + "/sub");
        std::ofstream(directory + "/sub/new") << text;
        std::filesystem::rename(directory + "/sub/new", path());
    }
    [[nodiscard]] const std::string& path() const { return policy.tunnels[0].inbound_file; }
    [[nodiscard]] std::string open(const PortsWatch& watch) const {
        std::string all;
        for (const auto& [tunnel, ports] : ports_in(watch.files(), policy)) {
            for (const PortSpec& port : ports) {
                all += tunnel + " " + port.str() + ";";
            }
        }
        return all;
    }

    std::string directory;
    Policy policy = wireguard_policy();
};

}  // namespace

TEST_CASE("ports come and go with their file", "[ports]") {
    Place place;
    PortsWatch watch = PortsWatch::open(place.policy, nullptr);
    CHECK(place.open(watch).empty());
    CHECK(findings_in(watch.seen()).empty());

    place.replace("51413/tcp\n");
    auto news = watch.drain();
    REQUIRE(news.size() == 1);
    CHECK(news[0].change == "opened 51413/tcp");
    CHECK(place.open(watch) == "home 51413/tcp;");
    CHECK(watch.drain().empty());

    place.replace("6881-6882/udp\n");
    news = watch.drain();
    REQUIRE(news.size() == 1);
    CHECK(news[0].change == "opened 6881-6882/udp; closed 51413/tcp");

    std::filesystem::remove_all(place.directory + "/sub");
    news = watch.drain();
    REQUIRE(news.size() == 1);
    CHECK(news[0].change == "closed 6881-6882/udp");
    CHECK(place.open(watch).empty());
}

TEST_CASE("what a file of ports named last stays while it cannot be used", "[ports][fail-closed]") {
    Place place;
    place.replace("51413/tcp\n");
    PortsWatch watch = PortsWatch::open(place.policy, nullptr);
    REQUIRE(place.open(watch) == "home 51413/tcp;");

    const bool half_written = GENERATE(true, false);
    if (half_written) {
        place.replace("40000/tcp\n5141");
    } else {
        std::filesystem::permissions(place.path(), std::filesystem::perms::others_write,
                                     std::filesystem::perm_options::add);
    }
    const auto news = watch.drain();
    REQUIRE(news.size() == 1);
    CHECK(news[0].change.empty());
    CHECK_FALSE(news[0].findings.empty());
    CHECK(place.open(watch) == "home 51413/tcp;");
    CHECK(findings_in(watch.seen()).size() == 1);
    CHECK(place.open(PortsWatch::open(place.policy, &watch)) == "home 51413/tcp;");
    CHECK(place.open(PortsWatch::open(place.policy, nullptr)).empty());
}
