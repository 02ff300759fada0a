// SPDX-License-Identifier: GPL-2.0-or-later
#include "name_zone.hpp"

#include "../../../src/lab/address.hpp"
#include "catch.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/net.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ks::test {

namespace {

constexpr std::size_t kHeader = 12;
constexpr unsigned kTypeA = 1;
constexpr unsigned kTypeAaaa = 28;
constexpr std::uint16_t kDns = 53;

void put16(std::string& text, unsigned value) {
    text.push_back(static_cast<char>(value >> 8 & 0xff));
    text.push_back(static_cast<char>(value & 0xff));
}

struct Question {
    std::string name;
    unsigned type = 0;
    std::size_t end = 0;  ///< Where it ends in the message; 0: there is none.
};

Question question_in(std::string_view message) {
    Question question;
    std::size_t at = kHeader;
    while (at < message.size() && message[at] != 0) {
        const std::size_t length = static_cast<std::uint8_t>(message[at]);
        question.name += question.name.empty() ? "" : ".";
        question.name += message.substr(at + 1, length);
        at += length + 1;
    }
    if (at + 5 <= message.size()) {
        question.type = static_cast<std::uint8_t>(message[at + 2]);
        question.end = at + 5;
    }
    return question;
}

/// The records of a file, "NAME ADDRESS TTL" in each line, that answer `question`.
std::vector<std::pair<IpAddress, unsigned>> records(const std::string& file,
                                                    const Question& question, bool& known) {
    std::vector<std::pair<IpAddress, unsigned>> all;
    std::ifstream lines(file);
    std::string name;
    std::string address;
    for (unsigned ttl = 0; lines >> name >> address >> ttl;) {
        known = known || name == question.name;
        const auto parsed = IpAddress::parse(address);
        const bool fits = parsed && (parsed->family == IpFamily::v4 ? question.type == kTypeA
                                                                    : question.type == kTypeAaaa);
        if (name == question.name && fits) {
            all.emplace_back(*parsed, ttl);
        }
    }
    return all;
}

std::string answer_to(std::string_view message, const IpAddress& asker, const std::string& file) {
    const Question question = question_in(message);
    if (question.end == 0) {
        return {};
    }
    const std::string line = fmt::format("{} {}\n", question.name, asker.str());
    static_cast<void>(::write(STDOUT_FILENO, line.data(), line.size()));
    bool known = false;
    const auto found = records(file, question, known);
    std::string answer(message.substr(0, 2));
    put16(answer, known ? 0x8180 : 0x8183);
    put16(answer, 1);
    put16(answer, static_cast<unsigned>(found.size()));
    put16(answer, 0);
    put16(answer, 0);
    answer += message.substr(kHeader, question.end - kHeader);
    for (const auto& [address, ttl] : found) {
        put16(answer, 0xc00c);
        put16(answer, question.type);
        put16(answer, 1);
        put16(answer, ttl >> 16);
        put16(answer, ttl & 0xffff);
        put16(answer, static_cast<unsigned>(address.size()));
        answer.append(address.bytes.begin(),
                      address.bytes.begin() + static_cast<std::ptrdiff_t>(address.size()));
    }
    return answer;
}

void answer_datagram(int fd, const std::string& file) {
    std::array<char, 2048> buffer{};
    lab::SocketAddress from;
    const auto got = ::recvfrom(fd, buffer.data(), buffer.size(), 0, from.get(), &from.size);
    if (got > 0) {
        const std::string answer =
            answer_to({buffer.data(), static_cast<std::size_t>(got)}, from.address(), file);
        ::sendto(fd, answer.data(), answer.size(), 0, from.get(), from.size);
    }
}

int serve(const Fd& udp, const std::string& file) {
    for (;;) {
        pollfd waiting{udp.get(), POLLIN, 0};
        if (::poll(&waiting, 1, -1) == 1) {
            answer_datagram(udp.get(), file);
        }
    }
}

void write(const std::string& file, const std::vector<NameZone::Record>& records) {
    const std::string fresh = file + ".new";
    {
        std::ofstream stream(fresh);
        for (const NameZone::Record& record : records) {
            stream << fmt::format("{} {} {}\n", record.name, record.address, record.ttl);
        }
    }
    REQUIRE(::rename(fresh.c_str(), file.c_str()) == 0);
}

lab::Process start(lab::Lab& lab, const char* address, const std::string& file) {
    auto udp = lab.internet().socket(AF_INET, SOCK_DGRAM, 0);
    const lab::SocketAddress at(lab::ip(address), kDns);
    const int on = 1;
    const bool bound = udp &&
                       setsockopt(udp->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                       ::bind(udp->get(), at.get(), at.size) == 0;
    REQUIRE(bound);
    auto process = lab.internet().start([&] { return serve(*udp, file); });
    REQUIRE(process);
    return *std::move(process);
}

}  // namespace

NameZone::NameZone(lab::Lab& lab, const char* address, const std::vector<Record>& records)
    : file_(lab.scratch_from_outside() + "/zone"),
      process_((write(file_, records), start(lab, address, lab.scratch() + "/zone"))) {}

void NameZone::answer(const std::vector<Record>& records) {
    write(file_, records);
}

std::vector<std::string> NameZone::asked() const {
    return log(0);
}

std::vector<std::string> NameZone::askers() const {
    return log(1);
}

std::vector<std::string> NameZone::log(std::size_t word) const {
    std::vector<std::string> words;
    std::istringstream lines(process_.output());
    std::array<std::string, 2> line;
    while (lines >> line[0] >> line[1]) {
        words.push_back(line.at(word));
    }
    return words;
}

}  // namespace ks::test
