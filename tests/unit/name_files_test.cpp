// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "host/hosts_file.hpp"
#include "host/name_cache.hpp"
#include "host/names.hpp"
#include "killswitchd/name_book.hpp"
#include "killswitchd/net.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

using namespace ks;
using namespace std::chrono_literals;

namespace {

IpAddress ip(const char* text) {
    return *IpAddress::parse(text);
}

NameBook some_book() {
    const std::chrono::system_clock::time_point newest(1'700'000'000s);
    NameBook book;
    book["a.example"].addresses = {{ip("203.0.113.8"), newest}, {ip("203.0.113.7"), newest - 60s}};
    book["b.example"].addresses = {{ip("2001:db8::7"), newest}};
    return book;
}

class Directory {
  public:
    Directory() {
        char name[] = "/tmp/ks-names-XXXXXX";
        path_ = ::mkdtemp(name);
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() { std::filesystem::remove_all(path_); }
    [[nodiscard]] std::string file(const char* name) const { return path_ + "/" + name; }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
}

std::string read(const std::string& path) {
    std::ifstream stream(path);
    return {std::istreambuf_iterator<char>(stream), {}};
}

const std::string kBlock = "# BEGIN killswitchd: names of VPN servers, kept current\n"
                           "203.0.113.8 a.example\n"
                           "2001:db8::7 b.example\n"
                           "# END killswitchd\n";

}  // namespace

TEST_CASE("addresses that were kept are known again", "[names]") {
    const Directory directory;
    REQUIRE(save_name_cache(directory.path(), some_book()));
    CHECK(load_name_cache(directory.path(), {}) == some_book());
    CHECK(load_name_cache(directory.file("missing"), {}).empty());
}

TEST_CASE("of a file of addresses only what is sane counts", "[names][fail-closed]") {
    const std::string text = name_cache_text(some_book());
    CHECK(parse_name_cache(text, {}) == some_book());
    CHECK(parse_name_cache(text, {ip("2001:db8::7")}).size() == 1);
    CHECK(parse_name_cache("x" + text, {}).empty());
    CHECK(parse_name_cache(text.substr(0, text.size() - 1), {}).size() == 1);
    const std::string head = text.substr(0, text.find('\n') + 1);
    for (const char* const line :
         {"a.example 127.0.0.1 2023-11-14T22:13:20Z\n",
          "a.example 192.168.1.1 2023-11-14T22:13:20Z\n", "a.example 203.0.113.7 yesterday\n",
          "a 203.0.113.7 2023-11-14T22:13:20Z\n", "\n", "a.example\n"}) {
        INFO(line);
        CHECK(parse_name_cache(head + line, {}).empty());
    }
    std::string much = head;
    for (std::size_t i = 0; i < kMaxNames + 100; ++i) {
        for (std::size_t j = 0; j < kMaxAddressesOfName + 3; ++j) {
            much += "n" + std::to_string(i) + ".example 203.0.113." + std::to_string(j) +
                    " 2023-11-14T22:13:20.000Z\n";
        }
    }
    const NameBook book = parse_name_cache(much, {});
    CHECK(book.size() == kMaxNames);
    CHECK(book.begin()->second.addresses.size() == kMaxAddressesOfName);
}

TEST_CASE("the hosts file has the newest addresses in one block at its end", "[names]") {
    const std::string lines = hosts_lines(some_book());
    CHECK(with_hosts_block("127.0.0.1 localhost", lines) == "127.0.0.1 localhost\n" + kBlock);
    CHECK(with_hosts_block("", lines) == kBlock);
    CHECK(with_hosts_block("a\n" + kBlock + "b\n" + kBlock, lines) == "a\nb\n" + kBlock);
    CHECK(with_hosts_block("a\n" + kBlock + "b\n", "") == "a\nb\n");
    CHECK(with_hosts_block("a\n", "") == "a\n");
    CHECK(with_hosts_block("a", "") == "a");
    const std::string begin = kBlock.substr(0, kBlock.find('\n') + 1);
    CHECK(with_hosts_block("a\n" + begin + "b\n", "") == "a\nb\n");
}

TEST_CASE("the hosts file is replaced with its mode, through a link, and only when it changes",
          "[names]") {
    const Directory directory;
    const std::string hosts = directory.file("hosts");
    const std::string link = directory.file("link");
    write(hosts, "127.0.0.1 localhost\n");
    REQUIRE(::chmod(hosts.c_str(), 0640) == 0);
    REQUIRE(::symlink("hosts", link.c_str()) == 0);

    REQUIRE(publish_hosts(link, hosts_lines(some_book())));

    CHECK(read(hosts) == "127.0.0.1 localhost\n" + kBlock);
    CHECK(std::filesystem::is_symlink(link));
    struct stat before {};
    REQUIRE(::stat(hosts.c_str(), &before) == 0);
    CHECK((before.st_mode & 07777) == 0640);
    REQUIRE(publish_hosts(link, hosts_lines(some_book())));
    struct stat after {};
    REQUIRE(::stat(hosts.c_str(), &after) == 0);
    CHECK(before.st_ino == after.st_ino);
    REQUIRE(publish_hosts(link, ""));
    CHECK(read(hosts) == "127.0.0.1 localhost\n");
    CHECK(publish_hosts(directory.file("missing"), ""));
    CHECK_FALSE(publish_hosts(directory.file("missing"), "203.0.113.8 a.example\n"));
    CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 2);
}

TEST_CASE("names are wanted of the config and its files, where somebody is to be asked",
          "[names]") {
    Policy policy;
    policy.mode = Mode::always;
    Tunnel tunnel;
    tunnel.name = "home";
    tunnel.interface = "wg0";
    tunnel.names = {{"a.example", proto::kUdp, 1}, {"a.example", proto::kTcp, 1}};
    tunnel.imports = {"/etc/wireguard/wg0.conf"};
    policy.tunnels = {tunnel};
    const VpnFiles files{
        {"/etc/wireguard/wg0.conf",
         parse_vpn_file("/etc/wireguard/wg0.conf", "[Peer]\nEndpoint = b.example:51820\n")}};
    CHECK(wanted_names(policy, files).empty());
    policy.bootstrap = {{ip("9.9.9.9")}, 991, false};
    CHECK(wanted_names(policy, files) == std::vector<std::string>{"a.example", "b.example"});
    const KnownEndpoints known = learned_endpoints(policy, files, some_book());
    CHECK(known.at("home").size() == 5);
    CHECK(provenance(known.at("home").back()) == "dns: b.example, /etc/wireguard/wg0.conf:2");
    CHECK(is_used("b.example", policy, files, {"wg0"}));
    CHECK_FALSE(is_used("b.example", policy, files, {"wg1"}));
    CHECK_FALSE(is_used("c.example", policy, files, {"wg0"}));
    policy.mode = Mode::off;
    CHECK(wanted_names(policy, files).empty());
}
