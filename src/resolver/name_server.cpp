// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/name_server.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/name_messages.hpp"
#include "lookup.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

namespace ks {

namespace {

using Millis = std::chrono::milliseconds;

/// Further questions wait in the socket.
constexpr std::size_t kMostLookups = 16;
constexpr Millis kLongestWait{60'000};

class Server {
  public:
    explicit Server(int connection) : connection_(connection) {}

    Status serve() {
        while (!closed_) {
            std::vector<pollfd> waiting{{connection_, accepting(), 0}};
            std::vector<std::size_t> first;  // Where the descriptors of each lookup begin.
            Millis wait = lookups_.empty() ? Millis(-1) : kLongestWait;
            for (const Lookup& lookup : lookups_) {
                first.push_back(waiting.size());
                wait = std::min(wait, lookup.waits_for(waiting));
            }
            first.push_back(waiting.size());
            if (::poll(waiting.data(), waiting.size(), static_cast<int>(wait.count())) < 0 &&
                errno != EINTR) {
                return Error{"cannot wait for answers", errno};
            }
            for (std::size_t i = 0; i < lookups_.size(); ++i) {
                lookups_[i].go_on(waiting.data() + first[i], first[i + 1] - first[i]);
            }
            send_replies();
            if (waiting.front().revents != 0) {
                if (auto taken = take_question(); !taken) {
                    return taken;
                }
            }
        }
        return Done{};
    }

  private:
    [[nodiscard]] short accepting() const { return lookups_.size() < kMostLookups ? POLLIN : 0; }

    Status take_question() {
        std::array<char, kMaxNameMessageBytes> buffer{};
        const auto got =
            ::recv(connection_, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0) {
            return errno == EAGAIN || errno == EINTR ? Status(Done{})
                                                     : Error{"cannot read questions", errno};
        }
        const auto size = static_cast<std::size_t>(got);
        if (size == 0) {
            closed_ = true;
            return Done{};
        }
        if (size > buffer.size()) {
            return Error{"a question of the service is too long"};
        }
        const auto question = decode_question({buffer.data(), size});
        if (!question) {
            return question.error();
        }
        auto lookup = Lookup::start(*question);
        if (lookup) {
            lookups_.push_back(*std::move(lookup));
            send_replies();
        } else {
            send({question->id, NameStatus::failed, {}, {}});
        }
        return Done{};
    }

    void send_replies() {
        for (const Lookup& lookup : lookups_) {
            if (lookup.done()) {
                send(lookup.reply());
            }
        }
        std::erase_if(lookups_, [](const Lookup& lookup) { return lookup.done(); });
    }

    void send(const NameReply& reply) {
        const std::string message = encode(reply);
        if (::send(connection_, message.data(), message.size(), MSG_NOSIGNAL) < 0) {
            closed_ = true;
        }
    }

    int connection_;
    bool closed_ = false;
    std::vector<Lookup> lookups_;
};

}  // namespace

Status serve_names(int connection) {
    return Server(connection).serve();
}

Status serve_names_at(int listener, Millis patience) {
    for (;;) {
        pollfd waiting{listener, POLLIN, 0};
        const int ready = ::poll(&waiting, 1, static_cast<int>(patience.count()));
        if (ready < 0 && errno != EINTR) {
            return Error{"cannot wait for the service", errno};
        }
        if (ready == 0) {
            return Done{};
        }
        const Fd connection{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)};
        if (connection) {
            if (auto served = serve_names(connection.get()); !served) {
                return served;
            }
        }
    }
}

}  // namespace ks
