// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_support.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/policy.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

using namespace ks;
using namespace ks::testing;

namespace {

LoadedConfig parse_two(const std::string& first, const std::string& second) {
    return parse_config({{"a.yaml", first}, {"b.yaml", second}}, fixed_names());
}

std::vector<std::string> placed(const LoadedConfig& loaded) {
    std::vector<std::string> all;
    for (const Diagnostic& d : loaded.diagnostics) {
        all.push_back(fmt::format("{}:{}:{}: {}", d.file, d.line, d.column, d.message));
    }
    return all;
}

std::string repeat(std::size_t count, const std::function<std::string(std::size_t)>& item) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += item(i);
    }
    return text;
}

std::string tunnels(std::size_t count) {
    return kOff + "tunnels:\n" + repeat(count, [](std::size_t i) {
               return fmt::format("  - {{ interface: t{} }}\n", i);
           });
}

std::string endpoints(std::size_t first, std::size_t count, const char* interface) {
    return fmt::format("tunnels:\n  - interface: {}\n    endpoints:\n", interface) +
           repeat(count, [&](std::size_t i) {
               const std::size_t n = first + i;
               return fmt::format("    - 9.{}.{}.1/esp\n", n / 256, n % 256);
           });
}

}  // namespace

TEST_CASE("in later files scalars override, maps merge and lists append", "[config][merge]") {
    const LoadedConfig loaded = parse_two(kAlways + "dns: { servers: any, bootstrap: [] }\n"
                                                    "control: { read: root }\n",
                                          "ipv6: tunnel\n"
                                          "boot: open\n"
                                          "dns: { servers: [10.2.0.1] }\n"
                                          "control: { admin_group: admins }\n"
                                          "tunnels: [{ interface: tun0 }]\n");

    REQUIRE(loaded.ok());
    CHECK(loaded.policy->mode == Mode::always);
    CHECK(loaded.policy->ipv6 == Ipv6::tunnel);
    CHECK(loaded.policy->boot == BootLock::open);
    REQUIRE(loaded.policy->dns_servers);
    CHECK(loaded.policy->dns_servers->size() == 1);
    CHECK(loaded.policy->control.read.who == ReadAccess::Who::root);
    CHECK(loaded.policy->control.admin_gid == 103U);
    REQUIRE(loaded.policy->tunnels.size() == 2);
    CHECK(loaded.policy->tunnels[0].interface == "wg0");
    CHECK(loaded.policy->tunnels[1].interface == "tun0");
    CHECK(loaded.files == std::vector<std::string>{"a.yaml", "b.yaml"});
}

TEST_CASE("the last of two files decides about a scalar", "[config][merge]") {
    REQUIRE(parse_two(kOff + "ipv6: tunnel\n", "boot: open\n").policy->ipv6 == Ipv6::tunnel);

    const LoadedConfig loaded = parse_two(kOff + "ipv6: tunnel\n", "ipv6: block\n");

    REQUIRE(loaded.ok());
    CHECK(loaded.policy->ipv6 == Ipv6::block);
}

TEST_CASE("a tunnel is never merged with a tunnel of another file", "[config][merge]") {
    const LoadedConfig loaded =
        parse_two(kAlways, "tunnels:\n  - interface: wg0\n    endpoints: [192.0.2.1/esp]\n");

    CHECK(!loaded.ok());
    const auto found = placed(loaded);
    CHECK(std::count(found.begin(), found.end(),
                     "b.yaml:2:16: interface 'wg0' is taken by the tunnel on a.yaml line 4") == 1);
}

TEST_CASE("errors point into the file that holds them, each once", "[config][merge]") {
    const LoadedConfig loaded = parse_two("version: 1\nmode: off\nipv6: no\nlan: { dns: 1 }\n",
                                          "ipv6: block\nboot: 1\nlan: { dns: 2, allow: 3 }\n");

    CHECK(placed(loaded) == std::vector<std::string>{
                                "a.yaml:3:7: unknown ipv6 'no'",
                                "a.yaml:4:13: lan.dns '1' is not true or false",
                                "b.yaml:2:7: unknown boot '1'",
                                "b.yaml:3:13: lan.dns '2' is not true or false",
                                "b.yaml:3:23: lan.allow '3' is not true or false",
                            });
    CHECK(!loaded.ok());
}

TEST_CASE("an unreadable file does not make its settings missing", "[config][merge]") {
    const LoadedConfig loaded = parse_two("ipv6: blok\n", "version: 1\n\tmode: off\n");

    CHECK(placed(loaded) == std::vector<std::string>{
                                "a.yaml:1:7: unknown ipv6 'blok'; did you mean 'block'?",
                                "b.yaml:2:1: tabs are not allowed for indentation",
                            });
    CHECK(!loaded.ok());
}

TEST_CASE("an empty drop-in is an error, not a setting that silently went away",
          "[config][merge]") {
    const LoadedConfig loaded = parse_two(kOff, "");

    CHECK(placed(loaded) == std::vector<std::string>{"b.yaml:1:1: holds no settings"});
    CHECK(!loaded.ok());
}

TEST_CASE("the same key may stand in two files, but not twice in one", "[config][merge]") {
    CHECK(parse_two(kOff, "mode: off\n").ok());
    CHECK(!parse_two(kOff, "mode: off\nmode: off\n").ok());
}

TEST_CASE("no text at all is an error", "[config]") {
    const LoadedConfig loaded = parse_config({}, fixed_names());

    CHECK(!loaded.ok());
    CHECK(errors_in(loaded) == 1);
}

TEST_CASE("limits hold at their edge", "[config][limits]") {
    CHECK(parse_text(tunnels(64)).ok());
    CHECK(findings_of(tunnels(65)).back() == "68:5: more than 64 tunnels");

    const auto server = [](std::size_t i) { return fmt::format("10.0.0.{},", i + 1); };
    CHECK(parse_text(kOff + "dns: { servers: [" + repeat(16, server) + "] }").ok());
    CHECK(!parse_text(kOff + "dns: { servers: [" + repeat(17, server) + "] }").ok());

    const std::string path(255, 'c');
    const auto cgroup = [](const std::string& name) {
        return kOff + "tunnels: [{ interface: t, only: { cgroup: " + name + " } }]";
    };
    CHECK(parse_text(cgroup(path)).ok());
    CHECK(!parse_text(cgroup(path + "c")).ok());

    const auto interface = [](const char* name) {
        return kOff + fmt::format("tunnels: [{{ interface: {} }}]", name);
    };
    CHECK(parse_text(interface("wg0123456789abc")).ok());
    CHECK(!parse_text(interface("wg0123456789abcd")).ok());
}

TEST_CASE("all tunnels together may have 16384 endpoints", "[config][limits]") {
    const std::string first = kOff + endpoints(0, 10'000, "t0");

    CHECK(parse_two(first, endpoints(10'000, 6384, "t1")).ok());
    const LoadedConfig loaded = parse_two(first, endpoints(10'000, 6385, "t1"));

    CHECK(!loaded.ok());
    const auto found = placed(loaded);
    CHECK(std::count(found.begin(), found.end(),
                     "b.yaml:2:5: more than 16384 endpoints in all tunnels") == 1);
}

TEST_CASE("text of more than 256 KiB is refused", "[config][limits]") {
    const auto padded = [](std::size_t bytes) {
        return kOff + "# " + std::string(bytes - kOff.size() - 2, 'x');
    };

    CHECK(parse_text(padded(kMaxConfigBytes)).ok());
    CHECK(findings_of(padded(kMaxConfigBytes + 1)) ==
          std::vector<std::string>{"0:0: larger than 256 KiB"});
}

TEST_CASE("deep nesting, long lists and many keys end in an error", "[config][limits]") {
    const auto deep = [](const char* opening) {
        return repeat(60'000, [&](std::size_t) { return std::string(opening); });
    };
    const std::string text = GENERATE_COPY(
        as<std::string>{}, deep("["), deep("{a: "), deep("- "), deep("? "), deep("[a: "),
        kOff + repeat(20'000, [](std::size_t i) { return fmt::format("k{}: 1\n", i); }),
        kOff + "tunnels: [" + repeat(100'000, [](std::size_t) { return std::string("x,"); }) + "]",
        kOff + "lan: {networks: [" +
            repeat(100'000, [](std::size_t) { return std::string("x,"); }) + "]}");

    const LoadedConfig loaded = parse_text(text);

    CHECK(!loaded.ok());
    CHECK(errors_in(loaded) >= 1);
    CHECK(loaded.diagnostics.size() <= 201);
}

TEST_CASE("nesting is limited by us, whatever the YAML library bears", "[config][limits]") {
    CHECK(findings_of(std::string(16, '[') + std::string(16, ']')) ==
          std::vector<std::string>{"1:1: a config file must be a mapping, not a list"});
    CHECK(findings_of(std::string(17, '[') + std::string(17, ']')) ==
          std::vector<std::string>{"1:17: nested too deeply"});
}
