// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/name_messages.hpp"

#include "killswitchd/host_name.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ks {

namespace {

constexpr std::uint8_t kQuestion = 'Q';
constexpr std::uint8_t kReply = 'A';

void put8(std::string& to, std::size_t value) {
    to.push_back(static_cast<char>(value & 0xff));
}

void put32(std::string& to, std::uint32_t value) {
    for (const int shift : {24, 16, 8, 0}) {
        put8(to, value >> shift);
    }
}

void put(std::string& to, const std::vector<IpAddress>& addresses) {
    put8(to, addresses.size());
    for (const IpAddress& address : addresses) {
        put8(to, address.family == IpFamily::v4 ? 4 : 6);
        to.append(address.bytes.begin(),
                  address.bytes.begin() + static_cast<std::ptrdiff_t>(address.size()));
    }
}

/// Takes fields off the front. After the first that is not there, everything is 0 and good() false.
class Reader {
  public:
    explicit Reader(std::string_view text) : rest_(text) {}

    [[nodiscard]] bool at_end() const { return good_ && rest_.empty(); }

    std::string_view bytes(std::size_t count) {
        if (count > rest_.size()) {
            good_ = false;
            rest_ = {};
            return {};
        }
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }

    std::uint32_t number(std::size_t count) {
        std::uint32_t value = 0;
        for (const char byte : bytes(count)) {
            value = value << 8 | static_cast<std::uint8_t>(byte);
        }
        return value;
    }

    std::vector<IpAddress> addresses(std::size_t most) {
        std::vector<IpAddress> all;
        const std::size_t count = number(1);
        good_ = good_ && count <= most;
        for (std::size_t i = 0; good_ && i < count; ++i) {
            const std::uint32_t family = number(1);
            good_ = good_ && (family == 4 || family == 6);
            IpAddress address{family == 6 ? IpFamily::v6 : IpFamily::v4, {}};
            std::ranges::copy(bytes(address.size()), address.bytes.begin());
            all.push_back(address);
        }
        return all;
    }

  private:
    std::string_view rest_;
    bool good_ = true;
};

std::optional<NameStatus> status_from(std::uint32_t number) {
    for (const NameStatus status :
         {NameStatus::found, NameStatus::no_such_name, NameStatus::no_address,
          NameStatus::no_answer, NameStatus::failed}) {
        if (static_cast<std::uint32_t>(status) == number) {
            return status;
        }
    }
    return std::nullopt;
}

}  // namespace

std::string_view explain(NameStatus status) noexcept {
    switch (status) {
    case NameStatus::found:
        return "found";
    case NameStatus::no_such_name:
        return "there is no such name (NXDOMAIN)";
    case NameStatus::no_address:
        return "it has no address";
    case NameStatus::no_answer:
        return "no server answered";
    case NameStatus::failed:
        return "the servers answered with an error, or not as DNS";
    }
    return "?";
}

std::string encode(const NameQuestion& question) {
    std::string message;
    put8(message, kQuestion);
    put32(message, question.id);
    put(message, question.servers);
    put8(message, question.host.size());
    message += question.host;
    return message;
}

std::string encode(const NameReply& reply) {
    std::string message;
    put8(message, kReply);
    put32(message, reply.id);
    put8(message, static_cast<std::size_t>(reply.status));
    put32(message, static_cast<std::uint32_t>(reply.ttl.count()));
    put(message, reply.addresses);
    return message;
}

Result<NameQuestion> decode_question(std::string_view message) {
    Reader reader(message);
    const bool kind = reader.number(1) == kQuestion;
    NameQuestion question;
    question.id = reader.number(4);
    question.servers = reader.addresses(kMaxNameServers);
    question.host = reader.bytes(reader.number(1));
    const auto host = parse_host_name(question.host);
    if (!kind || !reader.at_end() || question.servers.empty() || !host || *host != question.host) {
        return Error{"a question of the service that cannot be understood"};
    }
    return question;
}

Result<NameReply> decode_reply(std::string_view message) {
    Reader reader(message);
    const bool kind = reader.number(1) == kReply;
    NameReply reply;
    reply.id = reader.number(4);
    const auto status = status_from(reader.number(1));
    reply.ttl = std::chrono::seconds(reader.number(4));
    reply.addresses = reader.addresses(kMaxNameAnswers);
    if (!kind || !reader.at_end() || !status ||
        (*status == NameStatus::found) == reply.addresses.empty()) {
        return Error{"a reply of the resolver that cannot be understood"};
    }
    reply.status = *status;
    return reply;
}

}  // namespace ks
