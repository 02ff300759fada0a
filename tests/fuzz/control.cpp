// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service.hpp"
#include "fuzz.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/reactor.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace ks;

namespace {

/// Removed at the end of the process.
class Directory {
  public:
    Directory() { fuzz::expect(::mkdtemp(name_.data()) != nullptr); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() { std::filesystem::remove_all(name_); }
    [[nodiscard]] std::string socket() const { return name_ + "/control.sock"; }

  private:
    std::string name_ = std::filesystem::temp_directory_path() / "killswitchd-fuzz.XXXXXX";
};

Fd connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    fuzz::expect(
        ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return client;
}

}  // namespace

/// What a peer sends to the control socket, as root: every request is carried out.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Directory directory;
    constexpr std::chrono::milliseconds kPatience{100};  // For Monitor, which has no end.
    auto reactor = Reactor::open();
    fuzz::expect(bool(reactor));
    const auto failure = [] { return Failure{Failure::Kind::refused, "no", "nothing"}; };
    Service service({[] { return StatusReport{}; },
                     [&](const Request&, const std::string&) -> Answer { return failure(); },
                     [&](const std::string&) -> Answer { return failure(); }},
                    Control{});
    fuzz::expect(bool(service.listen(*reactor, directory.socket())));
    const Fd client = connect_to(directory.socket());
    static_cast<void>(::send(client.get(), data, size, MSG_NOSIGNAL));
    static_cast<void>(::shutdown(client.get(), SHUT_WR));
    fuzz::expect(bool(reactor->on_readable(client.get(), [&] {
        std::array<char, 4096> answer{};
        if (::recv(client.get(), answer.data(), answer.size(), 0) <= 0) {
            reactor->stop();
        }
    })));
    reactor->after(kPatience, [&] { reactor->stop(); });
    fuzz::expect(bool(reactor->run()));
    return 0;
}
