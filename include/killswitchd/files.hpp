// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ks {

/// Where the file `path` lies; "." when it has no '/'.
[[nodiscard]] std::string directory_of(const std::string& path);

/// Reads from `fd` to the end. \param path  For errors. \return the errno of read(2); EFBIG for
/// more than `max_bytes`.
[[nodiscard]] Result<std::string> read_at_most(int fd, const std::string& path,
                                               std::size_t max_bytes);

/// Writes all of `text`. \return the errno of write(2); then a part of it may be written.
[[nodiscard]] Status write_all(int fd, std::string_view text);

/// Reads a file that decides about safety.
///
/// Opened once (O_NOFOLLOW is not set: an administrator may link it); all checks are made on the
/// descriptor: regular file, owned by root or by the effective user, not writable by group or
/// others, at most `max_bytes`.
/// \return the errno of open(2)/read(2), EFBIG when too large, EINVAL for anything that is not a
///         regular file; without an errno for owner or mode: then `what` ends in the command that
///         mends it.
[[nodiscard]] Result<std::string> read_trusted_file(const std::string& path, std::size_t max_bytes);

/// Whether the sticky bit makes a directory good that others may write to: it keeps them from
/// replacing files, but not from adding some.
enum class StickyBit : std::uint8_t { suffices, does_not_suffice };

/// Opens a directory whose files decide about safety: owned by root or by the effective user, not
/// writable by group or others. \return as read_trusted_file(); ENOTDIR for anything else.
[[nodiscard]] Result<Fd> open_trusted_directory(const std::string& path, StickyBit sticky);

/// Who may read a file that write_file_atomically() makes; the umask does not count.
enum class Readers : std::uint8_t { owner, all };

/// Replaces `path` so that after a crash at any moment it holds the old or the new text, whole:
/// temporary file beside it, fsync, rename, fsync of the directory. Mode 0600, or 0644.
[[nodiscard]] Status write_file_atomically(const std::string& path, std::string_view text,
                                           Readers readers = Readers::owner);

/// Removes `path` and fsyncs its directory; done when it does not exist.
[[nodiscard]] Status remove_file(const std::string& path);

/// mkdir -p for the last component only, mode 0755; done when it is a directory already.
[[nodiscard]] Status ensure_directory(const std::string& path);

/// Where the cgroup v2 hierarchy is mounted; empty when it is not.
[[nodiscard]] std::string cgroup_root();

/// inode number of a cgroup2 directory ("system.slice/x.service" below the cgroup2 root), which is
/// the id that nftables compares. \return ENOENT when it does not exist.
[[nodiscard]] Result<std::uint64_t> cgroup_id(const std::string& path);

}  // namespace ks
