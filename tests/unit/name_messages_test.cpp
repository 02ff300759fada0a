// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "dice.hpp"
#include "killswitchd/dns_answer.hpp"
#include "killswitchd/name_messages.hpp"
#include "killswitchd/net.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace ks;
using namespace std::chrono_literals;

namespace {

IpAddress ip(const char* text) {
    return *IpAddress::parse(text);
}

const NameQuestion kQuestion{7, "vpn.example.net", {ip("9.9.9.9"), ip("2620:fe::fe")}};
const NameReply kReply{7, NameStatus::found, 300s, {ip("203.0.113.7"), ip("2001:db8::7")}};

using Bytes = std::vector<std::uint8_t>;

void put(Bytes& to, const Bytes& more) {
    to.insert(to.end(), more.begin(), more.end());
}

/// The answer "a.b: CNAME c.b (ttl 60), c.b: A 203.0.113.7 (ttl 300)".
Bytes answer() {
    Bytes message{0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0};
    put(message, {1, 'a', 1, 'b', 0, 0, 1, 0, 1});
    put(message, {0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, 'c', 0xc0, 14});
    put(message, {0xc0, 33, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 203, 0, 113, 7});
    return message;
}

}  // namespace

TEST_CASE("what is written to the pipe is read as the same", "[names]") {
    CHECK(*decode_question(encode(kQuestion)) == kQuestion);
    CHECK(*decode_reply(encode(kReply)) == kReply);
    const NameReply none{9, NameStatus::no_such_name, 0s, {}};
    CHECK(*decode_reply(encode(none)) == none);
}

TEST_CASE("a message that was cut or has more than it should is refused", "[names]") {
    const std::string question = encode(kQuestion);
    const std::string reply = encode(kReply);
    for (std::size_t size = 0; size < question.size(); ++size) {
        CHECK_FALSE(decode_question(question.substr(0, size)));
    }
    for (std::size_t size = 0; size < reply.size(); ++size) {
        CHECK_FALSE(decode_reply(reply.substr(0, size)));
    }
    CHECK_FALSE(decode_question(question + "x"));
    CHECK_FALSE(decode_reply(reply + "x"));
    CHECK_FALSE(decode_question(reply));
    CHECK_FALSE(decode_reply(question));
}

TEST_CASE("a message that asks for or says too much is refused", "[names]") {
    NameQuestion question = kQuestion;
    question.servers.clear();
    CHECK_FALSE(decode_question(encode(question)));
    question.servers.assign(kMaxNameServers + 1, ip("9.9.9.9"));
    CHECK_FALSE(decode_question(encode(question)));
    question = kQuestion;
    for (const char* const host :
         {"", "vpn", "VPN.example.net", "vpn.example.net.", "a b.c", "a.b\n"}) {
        question.host = host;
        CHECK_FALSE(decode_question(encode(question)));
    }
    NameReply reply = kReply;
    reply.addresses.assign(kMaxNameAnswers, ip("2001:db8::7"));
    CHECK(decode_reply(encode(reply)));
    CHECK(encode(reply).size() <= kMaxNameMessageBytes);
    reply.addresses.push_back(ip("2001:db8::7"));
    CHECK_FALSE(decode_reply(encode(reply)));
    reply = kReply;
    reply.addresses.clear();
    CHECK_FALSE(decode_reply(encode(reply)));
    reply = kReply;
    reply.status = NameStatus::no_address;
    CHECK_FALSE(decode_reply(encode(reply)));
    std::string bytes = encode(kReply);
    bytes[5] = 17;  // No such status.
    CHECK_FALSE(decode_reply(bytes));
    bytes = encode(kReply);
    bytes[11] = 5;  // No such family.
    CHECK_FALSE(decode_reply(bytes));
}

TEST_CASE("an answer of the DNS has addresses of its family, and the shortest time to live",
          "[names]") {
    const auto parsed = parse_dns_answer(answer(), IpFamily::v4);
    REQUIRE(parsed);
    CHECK(parsed->addresses == std::vector<IpAddress>{ip("203.0.113.7")});
    CHECK(parsed->ttl == 60s);
    CHECK_FALSE(parse_dns_answer(answer(), IpFamily::v6));
}

TEST_CASE("no answer of the DNS is too broken to be read", "[names]") {
    const Bytes whole = answer();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CHECK_FALSE(parse_dns_answer(
            Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)), IpFamily::v4));
    }
    test::Dice dice(20261130);
    for (int round = 0; round < 20'000; ++round) {
        Bytes bent = whole;
        for (std::size_t changes = 1 + dice.below(4); changes > 0; --changes) {
            bent[dice.below(bent.size())] = static_cast<std::uint8_t>(dice.below(256));
        }
        const auto parsed = parse_dns_answer(bent, IpFamily::v4);
        const bool sane =
            !parsed || (parsed->addresses.size() <= kMaxNameAnswers && parsed->ttl >= 0s);
        CHECK(sane);
    }
}
