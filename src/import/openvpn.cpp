// SPDX-License-Identifier: GPL-2.0-or-later
#include "openvpn.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/printable.hpp"
#include "openvpn_words.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

struct Proxy {
    enum class Kind : std::uint8_t { http, socks } kind = Kind::http;
    Word host;
    std::uint16_t port = 0;
};

struct Remote {
    Word host;
    std::optional<std::uint16_t> port;  ///< Absent: the connection's.
    std::optional<std::uint8_t> protocol;
};

/// What applies to every `remote` that does not say otherwise.
struct Connection {
    std::uint16_t port = 1194;
    std::uint8_t protocol = proto::kUdp;
    std::optional<Proxy> proxy;
};

class Reader {
  public:
    explicit Reader(Notes& notes) : notes_(notes) {}

    void line(const Piece& whole) {
        const Piece row = trimmed(whole);
        if (!inline_tag_.empty()) {
            if (row.text.starts_with(fmt::format("</{}>", inline_tag_))) {
                inline_tag_.clear();
            }
            return;
        }
        const auto words = words_of(row);
        if (!words.empty()) {
            directive(words);
        }
    }

    void finish(const Piece& last) {
        if (block_ || !inline_tag_.empty()) {
            notes_.fault(last, fmt::format("<{}> has no end",
                                           block_ ? std::string("connection") : inline_tag_));
        }
        if (!blocks_seen_) {
            for (const Remote& remote : remotes_) {
                add(remote, connection_);
            }
        }
    }

  private:
    struct Block {
        Connection connection;
        std::optional<Remote> remote;
    };

    void directive(const std::vector<Word>& words) {
        const std::string& name = words[0].text;
        if (name == "</connection>" && block_) {
            if (block_->remote) {
                add(*block_->remote, block_->connection);
            }
            block_.reset();
        } else if (name == "<connection>") {
            block_ = Block{connection_, std::nullopt};
            blocks_seen_ = true;
        } else if (name.starts_with('<') && name.ends_with('>')) {
            inline_tag_ = name.substr(1, name.size() - 2);
        } else if (words.size() > 1) {
            set(name.starts_with("--") ? name.substr(2) : name, words);
        }
    }

    void set(const std::string& name, const std::vector<Word>& words) {
        Connection& connection = block_ ? block_->connection : connection_;
        if (name == "remote") {
            remote(words);
        } else if (name == "port" || name == "rport") {
            connection.port = port(words[1]).value_or(connection.port);
        } else if (name == "proto") {
            connection.protocol = protocol(words[1]).value_or(connection.protocol);
        } else if (name == "http-proxy") {
            proxy(Proxy::Kind::http, words, connection);
        } else if (name == "socks-proxy") {
            proxy(Proxy::Kind::socks, words, connection);
        } else if (name == "mark") {
            if (const auto mark = notes_.mark(words[1].at, words[1].text)) {
                notes_.file.mark = {*mark, words[1].at.line, "mark"};
            }
        } else if (name == "dev" && !words[1].text.empty()) {
            const char last = words[1].text.back();  // Else the first number that is free.
            notes_.file.interface = last >= '0' && last <= '9' ? words[1].text : std::string();
        } else if (name == "config") {
            notes_.warning(words[0].at, fmt::format("{} is not read", in_quotes(words[1].text)),
                           "import it as well, where it names servers");
        }
    }

    void remote(const std::vector<Word>& words) {
        Remote remote{words[1], std::nullopt, std::nullopt};
        if (words.size() > 2 && !(remote.port = port(words[2]))) {
            return;
        }
        if (words.size() > 3 && !(remote.protocol = protocol(words[3]))) {
            return;
        }
        if (block_) {
            block_->remote = remote;
        } else {
            remotes_.push_back(remote);
        }
    }

    void proxy(Proxy::Kind kind, const std::vector<Word>& words, Connection& connection) {
        constexpr std::uint16_t kSocksPort = 1080;
        if (words.size() > 2) {
            if (const auto given = port(words[2])) {
                connection.proxy = Proxy{kind, words[1], *given};
            }
        } else if (kind == Proxy::Kind::socks) {
            connection.proxy = Proxy{kind, words[1], kSocksPort};
        } else {
            notes_.error(words[0].at, "http-proxy has no port");
        }
    }

    std::optional<std::uint16_t> port(const Word& word) { return notes_.port(word.at, word.text); }

    std::optional<std::uint8_t> protocol(const Word& word) {
        if (word.text.starts_with("udp")) {
            return proto::kUdp;
        }
        if (word.text.starts_with("tcp")) {
            return proto::kTcp;
        }
        notes_.error(word.at, fmt::format("protocol {} is not udp or tcp", in_quotes(word.text)));
        return std::nullopt;
    }

    void add(const Remote& remote, const Connection& connection) {
        const std::uint8_t protocol = remote.protocol.value_or(connection.protocol);
        if (!connection.proxy) {
            notes_.server(remote.host.at, remote.host.text,
                          {{protocol, remote.port.value_or(connection.port)}});
            return;
        }
        const Proxy& proxy = *connection.proxy;
        notes_.server(proxy.host.at, proxy.host.text, {{proto::kTcp, proxy.port}});
        if (proxy.kind == Proxy::Kind::socks && protocol == proto::kUdp) {
            notes_.warning(proxy.host.at, "the proxy chooses the port to which UDP goes",
                           "use proto tcp, or add the proxy's port to the tunnel's 'endpoints'");
        }
    }

    Notes& notes_;
    std::string inline_tag_;  ///< Of the certificate or key that goes on; empty outside of one.
    Connection connection_;
    std::vector<Remote> remotes_;
    std::optional<Block> block_;
    bool blocks_seen_ = false;  ///< Then every other `remote` is ignored, as OpenVPN does.
};

}  // namespace

void read_openvpn(const std::vector<Piece>& lines, Notes& notes) {
    Reader reader(notes);
    for (const Piece& line : lines) {
        reader.line(line);
    }
    if (!lines.empty()) {
        reader.finish(lines.back());
    }
}

}  // namespace ks
