// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/judge.hpp"
#include "killswitchd/paths.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace ks {

/// The one line of `runtime_dir`/state, for bars and prompts: the headline and, in brackets, the
/// process that keeps it true. Where that process has gone nobody does.
///
/// \param keeper  0: nobody, as after a command without the service.
[[nodiscard]] std::string state_line(const Judgement& judgement, pid_t keeper);

/// Which of the files `runtime_dir`/is-locked, is-protected and is-unguarded is there: exactly one,
/// after which systemd starts the target of that name and stops the other two.
enum class Mark : std::uint8_t { locked, protected_, unguarded };
[[nodiscard]] std::string_view word(Mark mark) noexcept;

/// Unguarded is whatever is not known to be one of the others, and what nobody keeps true.
[[nodiscard]] Mark mark_of(const Judgement& judgement, pid_t keeper);

/// Replaces line and mark, which everybody may read. An error of one does not keep the other back.
[[nodiscard]] Status write_state(const Paths& paths, const Judgement& judgement, pid_t keeper);

/// The same of a machine whose service does not run: looks at it.
[[nodiscard]] Status write_state_without_service(const Paths& paths);

/// Writes that, unless a service runs and keeps its own. A line that cannot be written is no reason
/// to fail: then there is none.
void note_state_without_service(const Paths& paths);

}  // namespace ks
