// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "daemon/leases.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/lease.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

using namespace ks;

namespace {

const NameLookup kNames{[](const std::string& name) -> std::optional<std::uint32_t> {
                            return name == "openvpn" ? std::optional(123U) : std::nullopt;
                        },
                        [](const std::string&) { return std::optional(7U); }};

LeaseWish wish(const std::vector<std::string>& endpoints) {
    return *parse_lease(endpoints, {}, kNames);
}

}  // namespace

TEST_CASE("a lease is read as the config would be", "[leases]") {
    const auto read =
        parse_lease({"203.0.113.20:1194/udp", "198.51.100.9/esp", "203.0.113.20:1194/udp"},
                    {"fwmark=0x10/0xf0,user=openvpn", "cgroup=a.slice/b.service"}, kNames);

    REQUIRE(read);
    CHECK(read->endpoints.size() == 2);
    CHECK(read->only == Only{MarkMatch{0x10, 0xf0}, 123, {}, "a.slice/b.service"});
    CHECK(lease_text(read->only) == "fwmark=0x10/0xf0,user=123,cgroup=a.slice/b.service");
    CHECK(parse_lease({"203.0.113.20:1194/udp"}, {lease_text(read->only)}, NameLookup{})->only ==
          read->only);
    CHECK(lease_text({}).empty());
}

TEST_CASE("a lease that is not clear is none", "[leases][fail-closed]") {
    const std::string server = "203.0.113.20:1194/udp";
    CHECK_FALSE(parse_lease({}, {}, kNames));
    CHECK_FALSE(parse_lease({""}, {}, kNames));
    CHECK_FALSE(parse_lease({"203.0.113.20"}, {}, kNames));
    CHECK_FALSE(parse_lease({"0.0.0.0:1194/udp"}, {}, kNames));
    CHECK_FALSE(parse_lease({"vpn.example.net:1194/udp"}, {}, kNames));
    CHECK_FALSE(parse_lease(std::vector<std::string>(kMaxLeaseEndpoints + 1, server), {}, kNames));
    for (const char* const only :
         {"", "user", "user=", "user=nobody", "user=-1", "user=4294967295", "fwmark=0", "fwmark=x",
          "cgroup=/", "name=x", "user=1,user=2", "user=1,"}) {
        INFO(only);
        CHECK_FALSE(parse_lease({server}, {only}, kNames));
    }
    CHECK_FALSE(parse_lease({server}, {"user=openvpn"}, NameLookup{}));
}

TEST_CASE("a user holds no more leases than the limit, and all of them no more endpoints",
          "[leases]") {
    Leases leases;
    const Peer user{1000, {}, 1};
    for (ControlServer::ClientId id = 1; id <= Leases::kMaxOfUser; ++id) {
        REQUIRE(leases.add(id, user, wish({"203.0.113.20:1194/udp"})));
    }
    CHECK_FALSE(leases.add(100, user, wish({"203.0.113.20:1194/udp"})));
    CHECK(leases.add(100, {1001, {}, 1}, wish({"203.0.113.20:1194/udp"})));

    std::vector<std::string> many;
    for (std::size_t i = 0; i < kMaxLeaseEndpoints; ++i) {
        many.push_back(fmt::format("203.0.113.20:{}/udp", i + 1));
    }
    ControlServer::ClientId id = 1000;
    while (leases.add(id, {0, {}, 1}, wish(many))) {
        ++id;
    }
    CHECK(leases.known().at(kLeases).size() <= Leases::kMaxEndpoints);

    CHECK(leases.end(100).starts_with("the lease of pid 1"));
    CHECK(leases.end(100).empty());
    leases.end_all();
    CHECK(leases.known().empty());
}

TEST_CASE("the unit of a process is the innermost", "[leases]") {
    CHECK(unit_in("0::/system.slice/system-openvpn.slice/openvpn-client@home.service\n") ==
          "openvpn-client@home.service");
    CHECK(unit_in("0::/user.slice/user-1000.slice/user@1000.service/app.slice/vpn.scope/x\n") ==
          "vpn.scope");
    CHECK(unit_in("1:name=systemd:/a.service\n0::/\n").empty());
    CHECK(unit_in("").empty());
    CHECK(unit_in("0::").empty());
}
