// SPDX-License-Identifier: GPL-2.0-or-later
#include "wireguard.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/printable.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// wg-quick begins to look for a free routing table here, and marks with the table's number.
constexpr std::uint32_t kWgQuickMark = 0xca6c;
/// What `wg setconf` does not take: who has one of these is started by wg-quick.
constexpr std::array<std::string_view, 8> kWgQuickKeys{"address", "dns",    "mtu",     "table",
                                                       "preup",   "postup", "predown", "postdown"};

class Reader {
  public:
    explicit Reader(Notes& notes) : notes_(notes) {}

    void line(const Piece& whole) {
        const Piece row = whole.part(0, whole.text.find('#'));
        if (const auto section = section_of(row)) {
            section_ = lower_case(section->text);
        } else if (const auto setting = setting_of(row)) {
            set(lower_case(setting->key.text), setting->value);
        }
    }

    /// wg-quick sets a mark only where it makes a table of its own for what it routes.
    void finish() {
        if (mark_at_) {
            if (const auto mark = notes_.mark(*mark_at_, mark_at_->text)) {
                notes_.file.mark = {*mark, mark_at_->line, "FwMark"};
                return;
            }
        }
        if (for_wg_quick_ && own_table_ && everything_at_) {
            notes_.file.mark = {kWgQuickMark, everything_at_->line, "wg-quick"};
        }
    }

  private:
    void set(const std::string& key, const Piece& value) {
        if (section_ == "interface") {
            for_wg_quick_ =
                for_wg_quick_ || std::ranges::find(kWgQuickKeys, key) != kWgQuickKeys.end();
            if (key == "fwmark") {
                mark_at_ = value;
            } else if (key == "table") {
                own_table_ = value.text == "auto" || value.text.empty();
            }
        } else if (section_ == "peer" && key == "endpoint") {
            endpoint(value);
        } else if (section_ == "peer" && key == "allowedips") {
            networks(value);
        }
    }

    void endpoint(const Piece& value) {
        const HostAndPort parts = split_port(value);
        if (!parts.port) {
            notes_.error(value, fmt::format("endpoint {} has no port", in_quotes(value.text)));
        } else if (const auto port = notes_.port(*parts.port, parts.port->text)) {
            notes_.server(parts.host, {{proto::kUdp, *port}});
        }
    }

    void networks(const Piece& value) {
        for (const Piece& network : split(value, ",")) {
            if (network.text.ends_with("/0") && !everything_at_) {
                everything_at_ = network;
            }
        }
    }

    Notes& notes_;
    std::string section_;
    bool for_wg_quick_ = false;
    bool own_table_ = true;
    std::optional<Piece> mark_at_;
    std::optional<Piece> everything_at_;
};

}  // namespace

void read_wireguard(const std::vector<Piece>& lines, Notes& notes) {
    Reader reader(notes);
    for (const Piece& line : lines) {
        reader.line(line);
    }
    reader.finish();
}

}  // namespace ks
