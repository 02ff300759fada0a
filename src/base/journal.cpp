// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/journal.hpp"

#include "killswitchd/escape.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/sha256.hpp"

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace ks {

std::string message_id(std::string_view key) {
    constexpr std::size_t kDigits = 32;
    std::string id = sha256(fmt::format("killswitchd event {}", key)).substr(0, kDigits);
    id[12] = '8';  // A UUID of the maker's own making. Source: RFC 9562, 5.8.
    id[16] = 'a';
    return id;
}

std::string journal_entry(Severity severity, std::string_view key, std::string_view text,
                          const std::vector<LogField>& fields) {
    std::string entry = fmt::format("MESSAGE={}: {}\nPRIORITY={}\nSYSLOG_IDENTIFIER=killswitchd\n"
                                    "MESSAGE_ID={}\nKILLSWITCHD_EVENT={}\n",
                                    escaped(key), escaped(text), static_cast<int>(severity),
                                    message_id(key), escaped(key));
    for (const LogField& field : fields) {
        entry += fmt::format("{}={}\n", field.name, escaped(field.value));
    }
    return entry;
}

bool is_journal(int fd, const char* journal_stream) noexcept {
    struct stat status {};
    return journal_stream != nullptr && fstat(fd, &status) == 0 &&
           fmt::format("{}:{}", status.st_dev, status.st_ino) == journal_stream;
}

Status send_to_journal(const std::string& entry, const std::string& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket.size() >= sizeof(address.sun_path)) {
        return Error{"the path of the journal's socket is too long", ENAMETOOLONG};
    }
    socket.copy(address.sun_path, socket.size());
    const Fd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (sender.get() < 0) {
        return Error{"cannot open a socket to the journal", errno};
    }
    const auto* const to = reinterpret_cast<const sockaddr*>(&address);
    if (::sendto(sender.get(), entry.data(), entry.size(), MSG_DONTWAIT | MSG_NOSIGNAL, to,
                 sizeof address) < 0) {
        return Error{"cannot write to the journal", errno};
    }
    return Done{};
}

}  // namespace ks
