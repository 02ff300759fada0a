// SPDX-License-Identifier: GPL-2.0-or-later
#include "interface_text.hpp"

namespace ks {

const char* const kInterface = R"(# The kill switch.
interface org.killswitchd

type Event (time: string, key: string, text: string, status: object)

# The object of `killswitchd status --json`.
method GetStatus() -> (status: object)
# The last events without their status, oldest first.
method GetEvents() -> (events: []object)
# With "more": one answer for every event.
method Monitor(now: ?bool) -> (event: Event)
# With "more": those that are remembered, then others as they are refused.
method Blocked() -> (packets: []object)
# "confirm_within": disarmed again unless confirmed within so many seconds.
method Arm(confirm_within: ?int) -> (status: object)
method Confirm() -> (status: object)
# "all": ends a panic as well.
method Disarm(all: ?bool) -> (status: object)
method Lock() -> (status: object)
method Unlock() -> (status: object)
# "user": for one user alone, by number.
method Pause(seconds: int, user: ?int) -> (status: object)
method Resume() -> (status: object)
method Reload() -> (status: object)

type Only (fwmark: ?string, user: ?int, group: ?int, cgroup: ?string)
# With "more": the endpoints may be spoken to until the connection ends. There is one answer.
method AllowEndpoint(endpoints: []string, only: ?Only) -> (status: object)

error PermissionDenied ()
error Refused (reason: string, hint: string)
error Failed (reason: string)
error ConfigInvalid (reason: string)
)";

const char* const kVarlinkInterface = R"(# The Varlink Service Interface
interface org.varlink.service

method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)
method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error InvalidParameter (parameter: string)
error ExpectedMore ()
)";

}  // namespace ks
