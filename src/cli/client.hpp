// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "options.hpp"

#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace ks::cli {

/// What the service said to one request.
struct Reply {
    std::string error;   ///< Empty, or the varlink name of an error.
    std::string reason;  ///< Of the error, for people.
    std::string json;    ///< The parameters, serialised.
};

/// Asks the running service. Nothing when no service listens; an error when it does not answer.
[[nodiscard]] Result<std::optional<Reply>> ask_service(const Options& options,
                                                       const std::string& method);

/// Streams `org.killswitchd.Monitor`: `each` gets every event, until it says false or the service
/// goes away. Nothing when no service listens.
[[nodiscard]] Result<std::optional<Done>>
watch_service(const Options& options, const std::function<bool(const nlohmann::json&)>& each);

/// What starts the service on this machine. Source: sd_booted(3).
[[nodiscard]] std::string start_command();

/// Prints what an error reply means. \return the exit code for it.
[[nodiscard]] int explain_error(const Reply& reply);

}  // namespace ks::cli
