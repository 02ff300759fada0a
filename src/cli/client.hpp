// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "../host/blocked.hpp"
#include "../host/status_report.hpp"
#include "killswitchd/control_client.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/lease.hpp"
#include "options.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace ks::cli {

/// What the service said to one request.
struct Reply {
    std::string error;    ///< Empty, or the varlink name of an error.
    std::string reason;   ///< Of the error, for people.
    std::string hint;     ///< What would make it go; may be empty.
    StatusReport status;  ///< What holds now, unless there is an error.
};

/// One parameter of a request.
struct Parameter {
    std::string name;
    std::variant<bool, std::uint64_t> value;
};

/// Asks the running service. Nothing when no service listens; an error when it does not answer.
[[nodiscard]] Result<std::optional<Reply>>
ask_service(const Options& options, const std::string& method,
            const std::vector<Parameter>& parameters = {});

/// A lease that the service gave, for as long as the connection stands.
struct Lease {
    Reply reply;
    ControlClient client;
};
/// Asks for one. Nothing when no service listens.
[[nodiscard]] Result<std::optional<Lease>> ask_lease(const Options& options, const LeaseWish& wish);

/// One event of the service.
struct ServiceEvent {
    std::string time;  ///< RFC 3339, UTC.
    std::string key;
    std::string text;
    StatusReport status;
    std::string json;  ///< All of it, as one line.
};

/// Where a watch begins.
enum class From : std::uint8_t {
    next,  ///< With the next event.
    now,   ///< With one that says how it is: nothing is missed between a question and the watch.
};
/// Streams `org.killswitchd.Monitor`: `each` gets every event, until it says false or the service
/// goes away. Nothing when no service listens.
[[nodiscard]] Result<std::optional<Done>>
watch_service(const Options& options, From from,
              const std::function<bool(const ServiceEvent&)>& each);

/// The last events of the service, one a line, oldest first; none when no service listens.
[[nodiscard]] Result<std::vector<std::string>> recent_events(const Options& options);
/// Asks for the packets that were refused: those that the service remembers, and with `follow`
/// others as they come, until `each` says false. It is called with none every now and then.
/// \return the error that the service answered with, or a reply without one; nothing when no
///         service listens.
[[nodiscard]] Result<std::optional<Reply>>
watch_blocked(const Options& options, bool follow,
              const std::function<bool(std::vector<BlockedPacket>)>& each);

/// What starts the service on this machine. Source: sd_booted(3).
[[nodiscard]] std::string start_command();

/// Prints what an error reply means. \return the exit code for it.
[[nodiscard]] int explain_error(const Reply& reply);

}  // namespace ks::cli
