// SPDX-License-Identifier: GPL-2.0-or-later
#include "swanctl.hpp"

#include "killswitchd/net.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace ks {

namespace {

constexpr std::string_view kBlanks = " \t\f\v\r";

/// Goes through the text by its signs; a position is a line and a place in it.
class Reader {
  public:
    Reader(const std::vector<Piece>& lines, Notes& notes) : lines_(lines), notes_(notes) {}

    void read() {
        while (line_ < lines_.size()) {
            const Piece rest = skip_blanks();
            if (rest.text.empty() || rest.text.front() == '#') {
                next_line();
            } else if (rest.text.front() == '}') {
                close(rest);
            } else if (rest.text.front() == '{') {
                open(rest);
            } else {
                word(rest);
            }
        }
        if (!open_.empty()) {
            notes_.fault(open_.back(), "the section has no end");
        } else if (!name_.text.empty()) {
            notes_.fault(name_, "neither a section nor a setting");
        }
    }

  private:
    /// What is left of the line.
    Piece skip_blanks() {
        const Piece rest = lines_[line_].part(at_);
        const auto blanks = std::min(rest.text.find_first_not_of(kBlanks), rest.text.size());
        at_ += blanks;
        return rest.part(blanks);
    }

    void next_line() {
        ++line_;
        at_ = 0;
    }

    /// A name, which a '{' or a '=' must follow, the former on a later line too.
    void word(const Piece& rest) {
        const Piece found = trimmed(rest.part(0, rest.text.find_first_of("={}#")));
        at_ += std::min(rest.text.find_first_of("={}#"), rest.text.size());
        if (!name_.text.empty()) {
            notes_.fault(name_, "neither a section nor a setting");
        }
        name_ = found;
        if (found.text.starts_with("include ")) {
            notes_.warning(found, "what it names is not read",
                           "import those files as well, where they name servers");
            name_ = {};
        } else if (const Piece after = lines_[line_].part(at_); after.text.starts_with('=')) {
            ++at_;
            setting(std::exchange(name_, {}));
        }
    }

    void setting(const Piece& key) {
        const Piece rest = skip_blanks();
        if (rest.text.starts_with('"')) {
            quoted(key, rest.part(1));
            return;
        }
        const std::size_t end = std::min(rest.text.find_first_of("{}#"), rest.text.size());
        at_ += end;
        set(key, trimmed(rest.part(0, end)));
    }

    /// The text may go on for several lines; of the settings that count here none does.
    void quoted(const Piece& key, const Piece& rest) {
        const std::size_t line = line_;
        ++at_;
        while (line_ < lines_.size()) {
            const Piece left = lines_[line_].part(at_);
            const auto end = left.text.find_first_of("\"\\");
            if (end == std::string_view::npos) {
                next_line();
            } else if (left.text[end] == '\\') {
                at_ += std::min(end + 2, left.text.size());
            } else {
                at_ += end + 1;
                set(key,
                    line == line_ ? rest.part(0, rest.text.size() - left.text.size() + end) : rest);
                return;
            }
        }
        notes_.fault(key, "the quoted value has no end");
    }

    void set(const Piece& key, const Piece& value) {
        if (!in_connection()) {
            return;
        }
        if (key.text == "remote_addrs") {
            addresses_ = split(value, ",");
        } else if (key.text == "remote_port") {
            port_ = notes_.port(value, value.text);
        }
    }

    void open(const Piece& brace) {
        ++at_;
        if (name_.text.empty()) {
            notes_.fault(brace, "the section has no name");
        }
        const auto colon = name_.text.find(':');  // What follows it names sections to copy.
        open_.push_back(name_.text.empty() ? brace : trimmed(name_.part(0, colon)));
        name_ = {};
    }

    void close(const Piece& brace) {
        ++at_;
        if (!name_.text.empty()) {
            notes_.fault(std::exchange(name_, {}), "neither a section nor a setting");
        }
        if (open_.empty()) {
            notes_.fault(brace, "there is nothing that ends here");
            return;
        }
        if (in_connection()) {
            add_connection();
        }
        open_.pop_back();
    }

    [[nodiscard]] bool in_connection() const {
        return open_.size() == 2 && open_.front().text == "connections";
    }

    void add_connection() {
        constexpr std::uint16_t kIke = 500;
        const std::vector<Speech> speech =
            port_.value_or(kIke) == kIke
                ? ipsec_speech()
                : std::vector<Speech>{{proto::kUdp, *port_}, {proto::kEsp, 0}};
        for (const Piece& host : std::exchange(addresses_, {})) {
            if (!host.text.starts_with('%')) {  // "%any": whoever calls.
                notes_.server(host, speech);
            }
        }
        port_.reset();
    }

    const std::vector<Piece>& lines_;
    Notes& notes_;
    std::size_t line_ = 0;
    std::size_t at_ = 0;
    Piece name_;               ///< Of what comes next; empty when nothing was named.
    std::vector<Piece> open_;  ///< The sections that are open, the outermost first.
    std::vector<Piece> addresses_;
    std::optional<std::uint16_t> port_;
};

}  // namespace

void read_swanctl(const std::vector<Piece>& lines, Notes& notes) {
    Reader(lines, notes).read();
}

}  // namespace ks
