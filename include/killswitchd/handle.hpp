// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <utility>

namespace ks {

/// Stateless deleter that names the C library's own destructor.
template <auto Free>
struct FreeWith {
    template <class T>
    void operator()(T* object) const noexcept {
        static_cast<void>(Free(object));
    }
};

/// Owner of one C object, exactly as large as the raw pointer.
template <class T, auto Free>
using CHandle = std::unique_ptr<T, FreeWith<Free>>;

/// Owner of one file descriptor; -1 means empty.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) noexcept : fd_(fd) {}
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    Fd(Fd&& other) noexcept : fd_(other.release()) {}
    Fd& operator=(Fd&& other) noexcept {
        reset(other.release());
        return *this;
    }
    ~Fd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    void reset(int fd = -1) noexcept;  ///< Closes what it holds, then owns `fd`.

  private:
    int fd_ = -1;
};

}  // namespace ks
