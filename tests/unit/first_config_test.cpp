// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "host/discover.hpp"
#include "host/first_config.hpp"
#include "import_samples.hpp"
#include "killswitchd/accounts.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/links.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

using namespace ks;
using namespace ks::testing;

namespace {

/// A directory like /etc, which nobody else may write to.
class Etc {
  public:
    Etc() {
        std::string name = (std::filesystem::temp_directory_path() / "ks_etc_XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Etc() { std::filesystem::remove_all(path_); }
    Etc(const Etc&) = delete;
    Etc& operator=(const Etc&) = delete;

    void write(const std::string& name, const std::string& text) const {
        const std::filesystem::path file = path_ / name;
        std::filesystem::create_directories(file.parent_path());
        for (auto folder = file.parent_path(); folder != path_; folder = folder.parent_path()) {
            std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
        }
        std::ofstream(file) << text;
        std::filesystem::permissions(file, std::filesystem::perms::owner_read |
                                               std::filesystem::perms::owner_write);
    }
    [[nodiscard]] std::string path() const { return path_.string(); }

  private:
    std::filesystem::path path_;
};

Link device(const std::string& name, const std::string& kind) {
    Link one;
    one.name = name;
    one.kind = kind;
    one.up = true;
    return one;
}

FoundVpn found(const Sample& sample) {
    FoundVpn vpn;
    vpn.path = sample.path;
    vpn.file = parse_vpn_file(sample.path, sample.text);
    vpn.program = word(*vpn.file.program);
    vpn.interface = vpn.file.interface.empty() && vpn.file.program == VpnProgram::openvpn
                        ? "tun0"
                        : vpn.file.interface;
    return vpn;
}

Policy accepted(const Choices& choices) {
    const std::string text = first_config(choices);
    CAPTURE(text);
    const LoadedConfig config = parse_config({{"k.yaml", text}}, NameLookup{});
    REQUIRE(config.ok());
    return *config.policy;
}

}  // namespace

TEST_CASE("a first config of each kind of file is valid, and imports it", "[init]") {
    for (const Sample& sample : kSamples) {
        CAPTURE(sample.path);
        FoundVpn vpn = found(sample);
        if (vpn.interface.empty() && vpn.file.program == VpnProgram::network_manager) {
            vpn.interface = "tun0";
        }
        const Policy policy = accepted({{vpn}, Choices::Lan::refuse, {}});
        REQUIRE(policy.tunnels.size() == 1);
        const Tunnel& tunnel = policy.tunnels[0];
        CHECK(policy.mode == Mode::always);
        CHECK_FALSE(policy.lan.allow);
        CHECK(tunnel.imports == std::vector<std::string>{sample.path});
        CHECK(tunnel.interface == vpn.interface);
        CHECK(tunnel.ipsec == vpn.interface.empty());
        CHECK(tunnel.only.fwmark.has_value() == vpn.file.mark.has_value());
    }
}

TEST_CASE("choices are holes of the first config", "[init]") {
    const Choices choices{{found(kWgQuick), found(kOpenVpn)},
                          Choices::Lan::allow,
                          SshAccess{*Prefix::parse("198.51.100.0/24"), 2222}};
    const Policy policy = accepted(choices);
    CHECK(policy.tunnels.size() == 2);
    CHECK(policy.tunnels[0].only.fwmark == MarkMatch{0xca6c, 0xffffffff});
    CHECK(policy.lan.allow);
    REQUIRE(policy.inbound.size() == 1);
    CHECK(policy.inbound[0].far == Prefix::parse("198.51.100.0/24"));
    CHECK(policy.inbound[0].ports == std::vector<PortSpec>{{{2222, 2222}, proto::kTcp}});
}

TEST_CASE("a name instead of an address is said in the config, not imported", "[init]") {
    FoundVpn vpn = found({"/etc/wireguard/wg0.conf", "[Peer]\nEndpoint = vpn.example.com:51820\n"});
    const std::string text = first_config({{vpn}, Choices::Lan::refuse, {}});
    CHECK(text.find("# /etc/wireguard/wg0.conf:2: 'vpn.example.com' is a name") !=
          std::string::npos);
    CHECK(accepted({{vpn}, Choices::Lan::refuse, {}}).tunnels[0].imports.empty());
}

TEST_CASE("where names can be looked up, a file with one is imported", "[init]") {
    FoundVpn vpn = found({"/etc/wireguard/wg0.conf", "[Peer]\nEndpoint = vpn.example.com:51820\n"});
    const Choices choices{{vpn}, Choices::Lan::refuse, {}, Choices::Names::looked_up};
    NameLookup names;
    names.uid = [](const std::string& name) {
        return name == kResolverUser ? std::optional<std::uint32_t>(991) : std::nullopt;
    };
    const LoadedConfig config = parse_config({{"k.yaml", first_config(choices)}}, names);
    REQUIRE(config.ok());
    CHECK(config.policy->tunnels[0].imports == std::vector<std::string>{vpn.path});
    CHECK(config.policy->bootstrap.user == 991U);
    CHECK(config.policy->bootstrap.servers.size() == 2);
    CHECK(config.policy->bootstrap.hosts);
}

TEST_CASE("VPNs are found by their files and their interfaces", "[init]") {
    const Etc etc;
    etc.write("wireguard/wg0.conf", kWgQuick.text);
    etc.write("openvpn/client/home.ovpn", kOpenVpn.text);
    etc.write("NetworkManager/system-connections/nl.nmconnection", kKeyfileWireguard.text);
    etc.write("NetworkManager/system-connections/cafe.nmconnection",
              "[connection]\ntype=wifi\n[wifi]\nssid=cafe\n");
    const LinkTable links{{1, device("lo", "")},
                          {2, device("eth0", "")},
                          {3, device("nl-free", "wireguard")},
                          {4, device("tun7", "tun")},
                          {5, device("br0", "bridge")}};

    std::vector<std::string> lines;
    for (const FoundVpn& vpn : find_vpns(etc.path(), links)) {
        lines.push_back(fmt::format("{} {} {}", vpn.program, vpn.interface, vpn.up));
    }
    CHECK(lines == std::vector<std::string>{"WireGuard wg0 false", "OpenVPN tun3 false",
                                            "NetworkManager nl-free true", "tun tun7 true"});
}
