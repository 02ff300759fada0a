// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/uapi.hpp"

#include "killswitchd/net.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

namespace ks {

namespace {

constexpr std::size_t kKeyBytes = 32;

/// Decimal digits alone.
template <class Number>
std::optional<Number> number(std::string_view text) {
    Number value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole && !text.starts_with('-') ? std::optional(value) : std::nullopt;
}

std::optional<std::uint8_t> hex_digit(char digit) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const std::size_t value = kDigits.find(digit);
    return value == std::string_view::npos ? std::nullopt
                                           : std::optional(static_cast<std::uint8_t>(value));
}

/// A key as wg(8) shows it.
std::optional<std::string> base64_of_hex(std::string_view text) {
    std::array<std::uint8_t, kKeyBytes + 1> bytes{};
    if (text.size() != 2 * kKeyBytes) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < kKeyBytes; ++i) {
        const auto high = hex_digit(text[2 * i]);
        const auto low = hex_digit(text[2 * i + 1]);
        if (!high || !low) {
            return std::nullopt;
        }
        bytes[i] = static_cast<std::uint8_t>(*high * 16 + *low);
    }
    return base64_of_key({bytes.data(), kKeyBytes});
}

/// "203.0.113.7:51820" or "[2001:db8::7]:51820". One with a zone is on the link, and no server
/// that a rule could name.
struct Place {
    bool valid = false;
    std::optional<Endpoint> endpoint;
};

Place place_in(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return {};
    }
    std::string_view host = text.substr(0, colon);
    const auto port = number<std::uint16_t>(text.substr(colon + 1));
    const bool brackets = host.starts_with('[') && host.ends_with(']');
    if (brackets) {
        host = host.substr(1, host.size() - 2);
    }
    const std::size_t zone = host.find('%');
    const auto address = IpAddress::parse(host.substr(0, zone));
    if (!port || !address || brackets != (address->family == IpFamily::v6)) {
        return {};
    }
    const bool usable = *port != 0 && zone == std::string_view::npos;
    return {true, usable ? std::optional(Endpoint{*address, proto::kUdp, *port}) : std::nullopt};
}

class Reader {
  public:
    /// Whether the line is as it should be.
    bool line(std::string_view key, std::string_view value) {
        if (key == "public_key") {
            return begin_peer(value);
        }
        if (key == "errno") {
            error_ = number<int>(value);
            return error_.has_value();
        }
        if (key == "listen_port") {
            return set(device_.listen_port, value);
        }
        if (key == "fwmark") {
            return set(device_.fwmark, value);
        }
        return peer_ == nullptr ? !is_of_peer(key) : of_peer(key, value);
    }

    Result<VpnDevice> finish() && {
        if (!error_) {
            return Error{"the answer has no errno"};
        }
        if (*error_ != 0) {
            return Error{"the program cannot say", *error_ < 0 ? -*error_ : *error_};
        }
        return std::move(device_);
    }

  private:
    template <class Number>
    static bool set(Number& target, std::string_view value) {
        const auto read = number<Number>(value);
        target = read.value_or(0);
        return read.has_value();
    }

    static bool is_of_peer(std::string_view key) {
        return key == "endpoint" || key == "last_handshake_time_sec" || key == "rx_bytes" ||
               key == "tx_bytes" || key == "persistent_keepalive_interval";
    }

    bool begin_peer(std::string_view value) {
        const auto key = base64_of_hex(value);
        if (!key) {
            return false;
        }
        if (device_.peers.size() == kMaxVpnPeers) {
            unseen_ = {};
            peer_ = &unseen_;
            return true;
        }
        device_.peers.push_back({*key, {}, {}, 0, 0, 0});
        peer_ = &device_.peers.back();
        return true;
    }

    bool of_peer(std::string_view key, std::string_view value) {
        if (key == "endpoint") {
            const Place place = place_in(value);
            peer_->endpoint = place.endpoint;
            return place.valid;
        }
        if (key == "rx_bytes") {
            return set(peer_->received_bytes, value);
        }
        if (key == "tx_bytes") {
            return set(peer_->sent_bytes, value);
        }
        if (key == "persistent_keepalive_interval") {
            return set(peer_->keepalive_seconds, value);
        }
        return key != "last_handshake_time_sec" || answered(value);
    }

    bool answered(std::string_view value) {
        const auto seconds = number<std::int64_t>(value);
        if (!seconds) {
            return false;
        }
        peer_->last_answer = moment_of_handshake(*seconds);
        return true;
    }

    VpnDevice device_;
    VpnPeer* peer_ = nullptr;
    VpnPeer unseen_;
    std::optional<int> error_;
};

}  // namespace

bool is_whole_uapi_answer(std::string_view text) noexcept {
    return text == "\n" || text.ends_with("\n\n");
}

Result<VpnDevice> parse_uapi(std::string_view text) {
    if (text.size() > kMaxUapiBytes) {
        return Error{"the answer is too long"};
    }
    Reader reader;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        if (end == std::string_view::npos) {
            return Error{"the answer is cut off"};
        }
        text.remove_prefix(end + 1);
        if (line.empty()) {
            return text.empty() ? std::move(reader).finish()
                                : Result<VpnDevice>(Error{"the answer goes on after its end"});
        }
        const std::size_t equals = line.find('=');
        // Not shown: the value may be a key.
        if (equals == std::string_view::npos ||
            !reader.line(line.substr(0, equals), line.substr(equals + 1))) {
            return Error{"the answer cannot be understood"};
        }
    }
    return Error{"the answer is cut off"};
}

}  // namespace ks
